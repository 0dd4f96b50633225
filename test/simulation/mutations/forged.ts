/**
 * Planted bugs: a parent that believes its workers' forgeries, waits for idle ones, or blames those
 * that had no time.
 */
import type { Mutation } from '../mutation.js';

export const FORGED: readonly Mutation[] = [
  {
    bug: 'a worker that answers pings counts as working, though it starts nothing',
    firstSeed: 459,
    source: 'found in this pool with real processes: a forged result',
    file: 'src/supervisor/health/heartbeat.ts',
    find: 'if (owedMs >= this.#rule.timeoutMs) {',
    replace: 'if (owedMs < 0) {',
  },
  {
    bug: 'a stream may run any distance ahead of its reader',
    firstSeed: 2162,
    source: 'G12: found in this pool with real processes: 247 MB in 4 s',
    file: 'src/pool/handles/stream.ts',
    find: "if (this.#window.isFull) throw new ProtocolError('more values than the window of the stream allows');",
    replace: 'void ProtocolError;',
  },
  {
    bug: 'the oldest attempt blocks the ring, and with it every shorter one',
    firstSeed: 1734,
    source: 'found in this pool with real processes: 2,000 short tasks beside a long one',
    file: 'src/pool/dispatch/lease-ring.ts',
    find: 'return this.#used === RING;',
    replace: 'return this.#cells[(this.last + 1) & RING_MASK] !== undefined || this.#used === RING;',
  },
  {
    bug: 'a task that was sent to an idle worker loses its queue timeout',
    firstSeed: 1089,
    source: 'found in this pool with real processes: an idle worker that spins',
    file: 'src/pool/settle/task-deadline.ts',
    find: '  return record.submittedAt + queueTimeoutMs;',
    replace: '  return Number.POSITIVE_INFINITY;',
  },
  {
    bug: 'a worker whose ready message waits in the pipe is charged with a boot timeout',
    firstSeed: 13,
    source: 'found in this pool with real processes: a parent at a breakpoint',
    file: 'src/shared/patience.ts',
    find: 'const stillMs = leftMs - (tookMs > 2 * partMs ? waitMs : tookMs);',
    replace: 'const stillMs = leftMs - tookMs;',
    also: { file: 'src/shared/patience.ts', find: '      else this.#afterPoll(onOver);', replace: '      else onOver();' },
  },
];
