/** The client over real stores; the test is the host. */
import { afterEach, expect, it } from 'vitest';
import { platformOf } from '../../../src/cluster/client/node-platform.js';
import { Cluster } from '../../../src/cluster/cluster.js';
import type { Report, TakenTask } from '../../../src/cluster/store/types.js';
import { readEnd } from '../../../src/cluster/wire/messages.js';
import { type OutcomeKind, writeOutcome, writeReason } from '../../../src/cluster/wire/outcome.js';
import { Seals } from '../../../src/cluster/wire/seal.js';
import { readTask, type TaskData } from '../../../src/cluster/wire/task.js';
import { fromText, toText } from '../../../src/cluster/wire/text.js';
import { decode, encode } from '../../../src/ipc/codec/codec.js';
import { TaskCancelledError } from '../../../src/shared/errors.js';
import { forEachStore, freshName } from '../../kit/stores.js';
import { closeAll, type HostRecord, runningHost, until } from '../store/kit.js';

interface Module {
  double(value: number): number;
  fails(value: string): never;
  waits(): void;
}

const seals = new Seals(['secret']);
let clusters: Cluster<Module>[] = [];

afterEach(async () => {
  await Promise.all(clusters.map((cluster) => cluster.terminate()));
  clusters = [];
  await closeAll();
});

function report(id: string, kind: OutcomeKind, value: unknown): Report {
  const outcome = writeOutcome(id, { kind, text: toText(encode(value)), pieces: undefined, attempts: 1, ms: 1, host: 'test' }, seals);
  return kind === 'value' ? { kind: 'completed', outcome } : { kind: 'failed', reason: writeReason('it failed', outcome) };
}

forEachStore((server) => {
  const client = (name: string): Cluster<Module> => {
    const cluster = new Cluster<Module>({ connection: server.connection(), name, secret: 'secret', sweepMs: 500 });
    clusters.push(cluster);
    return cluster;
  };
  const host = async (name: string): Promise<HostRecord> => {
    const made: HostRecord = await runningHost(
      server.connection(),
      name,
      async ({ id, data }: TakenTask): Promise<Report> => {
        const { head, args } = readTask(id, data, seals, Date.now());
        const encoded = fromText(args);
        const [value] = decode(encoded?.codec ?? 0, encoded?.body ?? '', encoded?.attachments ?? []) as unknown[];
        if (head.name === 'fails') return report(id, 'thrown', new RangeError(value as string));
        if (head.name !== 'waits') return report(id, 'value', (value as number) * 2);
        const isAsked = (): boolean => made.messages.some((message) => readEnd('end', message, seals)?.id === id);
        await until('it is to end', isAsked);
        return report(id, 'cancelled', new TaskCancelledError('it was cancelled', { reason: undefined, forced: false }));
      },
      { slots: 4 },
    );
    return made;
  };

  it('runs tasks, and leaves nothing in the store', async () => {
    const name = freshName();
    const cluster = client(name);
    await cluster.ready();
    await host(name);
    await expect(cluster.tasks.double(4)).resolves.toBe(8);
    await expect(cluster.run('fails', ['a\0b'])).rejects.toThrow(new RangeError('a\0b'));
    const values = Array.from({ length: 300 }, (_, index) => index);
    expect(await cluster.map('double', values)).toEqual(values.map((value) => value * 2));
    await until('results leave the store', async () => (await cluster.stats()).cluster.kept === 0);
    expect(await cluster.stats()).toMatchObject({ pending: 0, submitted: 302, succeeded: 301, failed: 1 });
    await cluster.close();
    expect(cluster.state).toBe('closed');
  });

  it('cancels what waits, and what a host has, by any client', async () => {
    const name = freshName();
    const cluster = client(name);
    await cluster.ready();
    const waiting = cluster.run('double', [1]);
    await until('it is in the store', async () => (await cluster.stats()).cluster.queued === 1);
    await waiting.cancel('not needed');
    await expect(waiting).rejects.toMatchObject({ reason: 'not needed' });
    await host(name);
    const [own, others] = [cluster.run('waits'), cluster.run('waits')];
    await own.started;
    await own.kill('too slow');
    await expect(own).rejects.toMatchObject({ reason: 'too slow' });
    const rejects = expect(others).rejects.toBeInstanceOf(TaskCancelledError);
    await client(name).end(others.id);
    await rejects;
  });

  it('one that a host had taken in time has no queue timeout, if no event said so', async () => {
    const name = freshName();
    const { make } = platformOf;
    platformOf.make = (options) => {
      const platform = make(options);
      return { ...platform, connect: (listener) => platform.connect({ ...listener, onEvent: () => undefined }) };
    };
    const cluster = client(name);
    platformOf.make = make;
    await cluster.ready();
    const retry = ({ data }: TakenTask): Report => ({ kind: 'retry', reason: 'again', delayMs: 2500, data: data as TaskData });
    const served = await runningHost(server.connection(), name, (taken) =>
      taken.failures === 0 ? retry(taken) : report(taken.id, 'value', 8),
    );
    expect(await cluster.run('double', [4], { queueTimeoutMs: 1000, retries: { error: 1 } })).toBe(8);
    expect(served.taken.length).toBe(2);
  });

  it('a named batch outlives its client', async () => {
    const name = freshName();
    const first = client(name);
    const values = Array.from({ length: 50 }, (_, index) => index);
    const lost = first.map('double', values, { id: 'nightly' });
    await until('all of it is in the store', async () => (await first.stats()).cluster.queued === 50);
    const rejects = expect(lost).rejects.toMatchObject({ code: 'ERR_EVERPOOL_CLOSED' });
    await first.detach();
    await rejects;
    const served = await host(name);
    expect(await client(name).attach('nightly')).toEqual(values.map((value) => value * 2));
    const again = client(name).map('double', values, { id: 'nightly' });
    expect(await again).toEqual(values.map((value) => value * 2));
    expect(served.taken.length).toBe(50);
    await expect(client(name).map('double', [7], { id: 'nightly' })).rejects.toMatchObject({ code: 'ERR_EVERPOOL_BATCH' });
    await again.forget();
    await expect(client(name).attach('nightly')).rejects.toMatchObject({ code: 'ERR_EVERPOOL_BATCH' });
  });
});
