/** A client and a host of the store, and what they were called with. */
import { openClientStore } from '../../../src/cluster/store/bull-client-store.js';
import { openHostStore } from '../../../src/cluster/store/bull-host-store.js';
import type { ClientStore, HostStore, NewTask, Report, StoreEvent, TakenTask } from '../../../src/cluster/store/types.js';
import type { Connection } from '../../../src/cluster/types.js';

export interface ClientRecord {
  readonly store: ClientStore;
  readonly events: StoreEvent[];
  readonly errors: Error[];
  recovered: number;
}

const open = new Set<{ close(): Promise<void> }>();

/** For `afterEach`. */
export async function closeAll(): Promise<void> {
  const stores = [...open];
  open.clear();
  await Promise.all(stores.map((store) => store.close()));
}

export function clientOf(connection: Connection, name: string, connectTimeoutMs = 20_000): ClientRecord {
  const events: StoreEvent[] = [];
  const errors: Error[] = [];
  const store = openClientStore(
    { connection, name, connectTimeoutMs },
    {
      awaits: () => true,
      onEvent: (event) => events.push(event),
      onError: (error) => errors.push(error),
      onRecovered: () => {
        client.recovered += 1;
      },
    },
  );
  open.add(store);
  const client: ClientRecord = { store, events, errors, recovered: 0 };
  return client;
}

export async function readyClient(connection: Connection, name: string): Promise<ClientRecord> {
  const client = clientOf(connection, name);
  await client.store.ready();
  return client;
}

export interface HostRecord {
  readonly store: HostStore;
  readonly taken: TakenTask[];
  readonly reported: [id: string, isDone: boolean][];
  readonly renewed: [id: string, askedAt: number][];
  readonly lost: string[];
  readonly messages: unknown[];
  readonly errors: Error[];
  recovered: number;
}

export interface HostSettings {
  readonly slots?: number;
  readonly lockMs?: number;
  readonly checkMs?: number;
  readonly keepMs?: number;
  readonly host?: string;
  readonly connectTimeoutMs?: number;
}

export function hostOf(
  connection: Connection,
  name: string,
  work: (task: TakenTask) => Report | Promise<Report>,
  settings: HostSettings = {},
): HostRecord {
  const host: HostRecord = {
    taken: [],
    reported: [],
    renewed: [],
    lost: [],
    messages: [],
    errors: [],
    recovered: 0,
    store: openHostStore(
      {
        connection,
        name,
        host: 'a-host',
        slots: 2,
        lockMs: 10_000,
        checkMs: 1000,
        keepMs: 3_600_000,
        connectTimeoutMs: 20_000,
        ...settings,
      },
      {
        onTask: async (task) => {
          host.taken.push(task);
          return work(task);
        },
        onReported: (id, isDone) => host.reported.push([id, isDone]),
        onRenewed: (ids, askedAt) => host.renewed.push(...ids.map((id) => [id, askedAt] as [string, number])),
        onLost: (ids) => host.lost.push(...ids),
        onEnd: (message) => host.messages.push(message),
        onError: (error) => host.errors.push(error),
        onRecovered: () => {
          host.recovered += 1;
        },
      },
    ),
  };
  open.add(host.store);
  return host;
}

export async function runningHost(...args: Parameters<typeof hostOf>): Promise<HostRecord> {
  const host = hostOf(...args);
  await host.store.ready();
  host.store.start();
  return host;
}

export function task(id: string, options: Partial<NewTask> = {}): NewTask {
  return { id, name: 'square', data: { v: 1, head: '{"b":1,"a":2}', args: 'j[2]', seal: '' }, priority: 0, retries: 0, ...options };
}

export const done = (outcome: string): Report => ({ kind: 'completed', outcome });

/** A promise to be resolved by the test. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

export async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
