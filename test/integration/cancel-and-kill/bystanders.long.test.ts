/**
 * The end of one task harms none that was sent ahead behind it (G5), and a pool without a control
 * file would show the harm.
 */
import { describe, expect, test } from 'vitest';
import { linesOf, newFolder, newPool, useKit } from '../../kit/pools.js';
import { weakened, withGuessedClaims } from '../../kit/weakened.js';

const ROUNDS = 300;
const BEHIND = 3;

type How = 'kill' | 'cancel' | 'timeout';
type Kind = 'mark' | 'markSoon';

interface Harm {
  /** Bystanders that were rejected. */
  rejected: number;
  /** Bystanders that ran more than once, or not at all. */
  repeated: number;
  /**
   * Rounds in which the target had ended, and a bystander had begun, when the end of the target was
   * asked for.
   */
  close: number;
  rounds: number;
}

/** Keeps the parent busy, so that it reads nothing meanwhile. */
function spinUntil(condition: () => boolean, limitMs = 20): void {
  for (const end = performance.now() + limitMs; !condition() && performance.now() < end; );
}

/**
 * Keeps the parent busy for a while in each turn, between its poll phase and the next phases: a
 * deadline that has let the poll phase pass then acts on what was true before that while.
 */
async function distract(outcome: Promise<unknown>, round: number): Promise<void> {
  let isOver = false;
  const over = outcome.then(() => {
    isOver = true;
  });
  const turn = (): void => {
    if (isOver) return;
    spinUntil(() => false, 0.2 + (round % 6) / 5);
    setImmediate(turn);
  };
  setImmediate(turn);
  await over;
}

/**
 * Ends a task that is just ending, while others have been sent ahead behind it; counts what
 * happened to those.
 */
async function experiment(make: typeof newPool, how: How, kind: Kind, stopsAtHarm = false): Promise<Harm> {
  const file = `${newFolder()}/marks`;
  const pool = make({ size: 1, graceMs: 0 });
  const warmUp = async (): Promise<void> => {
    for (let index = 0; index < 12; index += 1) await pool.run(kind, [file, 'warm']);
  };
  await warmUp();
  const harm: Harm = { rejected: 0, repeated: 0, close: 0, rounds: 0 };
  // Aims at the end of the target on any machine: longer after a kill, which costs a boot, then
  // shorter bit by bit.
  let timeoutMs = 1;
  for (let round = 0; round < ROUNDS; round += 1) {
    harm.rounds += 1;
    const names = [`target ${round}`, ...Array.from({ length: BEHIND }, (_, index) => `bystander ${round}.${index}`)];
    const before = linesOf(file).length;
    const target = pool.run(kind, [file, names[0] as string, how === 'timeout' ? 0.5 : 0], how === 'timeout' ? { timeoutMs } : {});
    const outcome = Promise.allSettled([target]);
    const bystanders = names.slice(1).map((name) => pool.run(kind, [file, name]));
    const others = Promise.allSettled(bystanders);
    // They are sent in the check phase of this turn. From then on the parent reads nothing, while
    // the worker runs on.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    if (how === 'timeout') await distract(outcome, round);
    else {
      // A different number of lines each round: the target is ended as it begins, or after its end.
      spinUntil(() => linesOf(file).length > before + (round % (BEHIND + 1)));
      await target[how]();
    }
    if (linesOf(file).length > before + 1) harm.close += 1;
    const [{ status: end }] = await outcome;
    timeoutMs = Math.max(0.1, timeoutMs + (end === 'rejected' ? 0.15 : -0.03));
    for (const { status } of await others) if (status === 'rejected') harm.rejected += 1;
    const lines = linesOf(file);
    for (const name of names.slice(1)) if (lines.filter((line) => line === name).length !== 1) harm.repeated += 1;
    if (stopsAtHarm && harm.rejected + harm.repeated > 0) return harm;
    if (pool.workers().length > 1 || round % 10 === 9) await warmUp();
  }
  return harm;
}

describe('G5: no bystanders', () => {
  useKit();

  for (const how of ['kill', 'cancel', 'timeout'] as const) {
    for (const kind of ['mark', 'markSoon'] as const) {
      test(`a ${how} aimed at a task (${kind}) that is just ending harms no task sent ahead behind it, ${ROUNDS} times`, async () => {
        const { rejected, repeated, close } = await experiment(newPool, how, kind);
        expect({ rejected, repeated }).toEqual({ rejected: 0, repeated: 0 });
        expect(close).toBeGreaterThan(ROUNDS / 10);
      });
    }
  }

  for (const how of ['kill', 'cancel', 'timeout'] as const) {
    test(`without the knowledge of the claims a ${how} harms them, so the experiment can show harm`, async () => {
      const make: typeof newPool = (options) => weakened(() => newPool(options), withGuessedClaims);
      const { rejected, repeated } = await experiment(make, how, 'mark', true);
      expect(rejected + repeated).toBeGreaterThan(0);
    });
  }
});
