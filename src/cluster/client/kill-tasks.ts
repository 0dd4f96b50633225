/** `killTasks`: the tasks of this client, or of all clients. */
import type { StoredTask } from '../store/types.js';
import type { ClientCore } from './client-core.js';

export interface KillOptions {
  readonly tag: string | undefined;
  readonly queued: boolean;
  readonly running: boolean;
  readonly reason: unknown;
  readonly everywhere: boolean;
}

/** How many tasks of others are ended at a time. */
const AT_A_TIME = 50;

/** Resolves with the number of tasks killed, when none of them runs any more. */
export async function killTasks(core: ClientCore, options: KillOptions): Promise<number> {
  const { tag, queued, running, reason, everywhere } = options;
  const matching = [...core.pending.values()].filter((record) => {
    const isWanted = record.shown === 'running' ? running : queued;
    return isWanted && (tag === undefined || record.options.tag === tag);
  });
  // Queued tasks first: none of them may take the place of a killed one.
  matching.sort((a, b) => Number(a.shown === 'running') - Number(b.shown === 'running'));
  const own = Promise.all(matching.map((record) => core.endings.end(record, 'kill', reason)));
  const others = everywhere ? await killOthers(core, options) : 0;
  await own;
  return others + matching.filter(({ state }) => state === 'cancelled').length;
}

async function killOthers(core: ClientCore, { tag, queued, running, reason }: KillOptions): Promise<number> {
  const found: { readonly id: string; readonly isRunning: boolean }[] = [];
  await core.ask(async () => {
    found.length = 0;
    const tasks = core.store.unfinished()[Symbol.asyncIterator]();
    for (let next = await tasks.next(); next.done !== true; next = await tasks.next()) {
      const { id, data, status } = next.value;
      const isRunning = status.state === 'unfinished' && status.as === 'running';
      if (core.pending.has(id) || !(isRunning ? running : queued)) continue;
      if (tag === undefined || tagOf(data) === tag) found.push({ id, isRunning });
    }
  });
  found.sort((a, b) => Number(a.isRunning) - Number(b.isRunning));
  let count = 0;
  const failures: unknown[] = [];
  for (let at = 0; at < found.length; at += AT_A_TIME) {
    const ends = found.slice(at, at + AT_A_TIME).map(({ id }) => core.endings.endAny(id, 'kill', reason));
    for (const end of await Promise.allSettled(ends)) {
      if (end.status === 'rejected') failures.push(end.reason);
      else if (end.value !== 'finished') count += 1;
    }
  }
  if (failures.length > 0) throw failures[0]; // the others have ended
  return count;
}

/** Anybody may have written it. */
function tagOf(data: StoredTask['data']): unknown {
  try {
    const { head } = data as { head: string };
    return (JSON.parse(head) as { tag?: unknown }).tag;
  } catch {
    return undefined;
  }
}
