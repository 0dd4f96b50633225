/** Planted bugs: a parent that believes what its workers write, waits for those that do nothing, or blames those that had no time. */
import type { Mutation } from '../mutation.js';

export const FORGED: readonly Mutation[] = [
  {
    bug: 'a number in the note that the worker cannot have written is believed',
    firstSeed: 2008,
    source: 'found by trying real situations in this one: eight bytes to a descriptor',
    file: 'src/pool/dispatch/lease-table.ts',
    find: 'if (noted >= this.knownUpTo && noted <= this.ring.last && Number.isInteger(noted)) {',
    replace: 'if (!Number.isNaN(noted)) {',
  },
  {
    bug: 'a note that says nothing is taken for one that says that nothing had started',
    firstSeed: 471,
    source: 'G2: found by trying real situations in this one: zeros in the note, then an exit',
    file: 'src/pool/dispatch/lease-table.ts',
    find: 'return this.readStarted() ?? (this.worker.channel.fault !== undefined ? this.ring.last : this.presumedUpTo);',
    replace: 'return this.readStarted() ?? 0;',
  },
  {
    bug: 'a worker that answers pings is alive, whatever it does not start',
    firstSeed: 459,
    source: 'found by trying real situations in this one: a forged result',
    file: 'src/supervisor/health/heartbeat.ts',
    find: 'if (owedMs >= this.#rule.timeoutMs) {',
    replace: 'if (owedMs < 0) {',
  },
  {
    bug: 'a stream may be as far ahead of its reader as its worker likes',
    firstSeed: 2162,
    source: 'G12: found by trying real situations in this one: 247 MB in 4 s',
    file: 'src/pool/handles/stream.ts',
    find: "if (this.#window.isFull) throw new ProtocolError('more values of a stream than its reader has room for');",
    replace: 'void ProtocolError;',
  },
  {
    bug: 'the oldest attempt blocks the ring, and with it all that are shorter',
    firstSeed: 1734,
    source: 'found by trying real situations in this one: 2,000 short tasks beside a long one',
    file: 'src/pool/dispatch/lease-ring.ts',
    find: 'return this.#used === RING;',
    replace: 'return this.#cells[(this.#last + 1) & RING_MASK] !== undefined || this.#used === RING;',
  },
  {
    bug: 'a task that was given to an idle worker has no queue timeout any more',
    firstSeed: 1089,
    source: 'found by trying real situations in this one: an idle worker that spins',
    file: 'src/pool/settle/task-deadline.ts',
    find: '  return record.submittedAt + queueTimeoutMs;',
    replace: '  return Number.POSITIVE_INFINITY;',
  },
  {
    bug: 'a worker that is ready, as its pipe says, is charged with a boot timeout',
    firstSeed: 13,
    source: 'found by trying real situations in this one: a parent at a breakpoint',
    file: 'src/shared/patience.ts',
    find: 'const stillMs = leftMs - (tookMs > 2 * partMs ? waitMs : tookMs);',
    replace: 'const stillMs = leftMs - tookMs;',
    also: { file: 'src/shared/patience.ts', find: '      else this.#afterPoll(onOver);', replace: '      else onOver();' },
  },
];
