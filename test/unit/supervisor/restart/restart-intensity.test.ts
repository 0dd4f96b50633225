import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  calm,
  charge,
  isExceeded,
  isProof,
  nextProbeAt,
  nextSpawnAt,
  prove,
  type RestartRule,
  type RestartState,
  spawned,
} from '../../../../src/supervisor/restart/restart-intensity.js';
import { isLong } from '../../../kit/long.js';

const rule: RestartRule = { intensity: 2, periodMs: 1000 };

function chargedTimes(times: readonly number[], by: RestartRule = rule): RestartState {
  return times.reduce((state, at, index) => charge(state, by, at, index + 1), calm);
}

describe('restart intensity', () => {
  test('one charged death more than the intensity breaks the pool', () => {
    expect(isExceeded(chargedTimes([0, 1]), rule)).toBe(false);
    expect(isExceeded(chargedTimes([0, 1, 2]), rule)).toBe(true);
  });

  test('the same number in a row breaks it too, however slow', () => {
    expect(isExceeded(chargedTimes([0, 1e6, 2e6]), rule)).toBe(true);
  });

  test('with a proof between them it never breaks (G10)', () => {
    let state = calm;
    for (let n = 1; n < 100; n++) {
      state = charge(state, { intensity: 1, periodMs: 1000 }, n * 2100, 2 * n);
      expect(isExceeded(state, { intensity: 1, periodMs: 1000 })).toBe(false);
      expect(isProof(state, 2 * n + 1, 'time')).toBe(true);
      state = prove(state);
    }
  });

  test('with intensity 0 the first charged death breaks it', () => {
    expect(isExceeded(chargedTimes([5], { intensity: 0, periodMs: 1000 }), { intensity: 0, periodMs: 1000 })).toBe(true);
  });

  test('by time, only a worker spawned after the last charged death is a proof; by a task, one spawned after the first', () => {
    const state = charge(charge(calm, rule, 0, 4), rule, 0, 7);
    expect([3, 5, 6, 8].map((ordinal) => isProof(state, ordinal, 'time'))).toEqual([false, false, false, true]);
    expect([3, 5, 6, 8].map((ordinal) => isProof(state, ordinal, 'task'))).toEqual([false, true, true, true]);
    expect(prove(state)).toBe(calm);
  });

  test('while calm, spawns are neither counted nor held back', () => {
    let state = calm;
    for (let n = 0; n < 100; n++) state = spawned(state, rule, 5);
    expect(state).toBe(calm);
    expect(nextSpawnAt(state, rule, 5, 100)).toBe(5);
    expect(nextProbeAt(state, rule, 5)).toBe(5);
  });

  test('after a charged death, the booting workers and the charged deaths stay within the number that the pool survives', () => {
    const state = chargedTimes([0]);
    expect(nextSpawnAt(state, rule, 10, 0)).toBe(10);
    expect(nextSpawnAt(state, rule, 10, 1)).toBe(10);
    expect(nextSpawnAt(state, rule, 10, 2)).toBe(Number.POSITIVE_INFINITY);
  });

  test('a spawn that would be one too many in the period waits until the oldest has left it', () => {
    let state = chargedTimes([0]);
    for (const at of [100, 200, 300]) state = spawned(state, rule, at);
    expect(nextSpawnAt(state, rule, 400, 0)).toBe(1100);
    expect(nextProbeAt(state, rule, 400)).toBe(1100);
    expect(nextProbeAt(state, rule, 1100)).toBe(1100);
    expect(nextProbeAt(spawned(state, rule, 1100), rule, 1100)).toBe(1200);
  });

  test('spawns that are decided but not begun take their place in the window', () => {
    let state = chargedTimes([0]);
    for (const at of [100, 200]) state = spawned(state, rule, at);
    expect(nextProbeAt(state, rule, 400, 0)).toBe(400);
    expect(nextProbeAt(state, rule, 400, 1)).toBe(1100);
    expect(nextProbeAt(state, rule, 400, 2)).toBe(1200);
    expect(nextProbeAt(state, rule, 400, 3)).toBe(Number.POSITIVE_INFINITY);
  });

  test('agrees with a model that keeps everything and counts from the start each time', () => {
    const event = fc.record({
      kind: fc.constantFrom('charge' as const, 'spawn' as const, 'spawn' as const, 'prove' as const),
      after: fc.oneof(fc.constant(0), fc.nat(400)),
      starting: fc.nat(4),
    });
    const rules = fc.record({ intensity: fc.nat(5), periodMs: fc.integer({ min: 1, max: 1000 }) });
    fc.assert(
      fc.property(rules, fc.array(event, { maxLength: 80 }), (by, events) => {
        let state = calm;
        let now = 0;
        let ordinal = 0;
        // The model: the whole story, read from its beginning each time.
        let story: { kind: 'charge' | 'spawn'; at: number; ordinal: number }[] = [];
        for (const { kind, after, starting } of events) {
          now += after;
          ordinal += 1;
          if (kind === 'charge') {
            state = charge(state, by, now, ordinal);
            story.push({ kind, at: now, ordinal });
          } else if (kind === 'spawn') {
            state = spawned(state, by, now);
            story.push({ kind, at: now, ordinal });
          } else {
            state = prove(state);
            story = [];
          }
          const deaths = story.filter((one) => one.kind === 'charge');
          const first = deaths[0];
          const spawns = first === undefined ? [] : story.filter((one) => one.kind === 'spawn' && one.ordinal > first.ordinal);
          const isWithin = (at: number, time: number) => at > time - by.periodMs;
          const inWindow = deaths.filter((one) => isWithin(one.at, now)).length;
          expect(isExceeded(state, by)).toBe(deaths.length > by.intensity || inWindow > by.intensity);
          expect(isProof(state, ordinal + 1, 'time')).toBe(true);
          for (const one of story) expect(isProof(state, one.ordinal, 'time')).toBe(deaths.every((death) => one.ordinal > death.ordinal));

          // The earliest time at which one more spawn leaves no period with more than intensity + 1
          // of them.
          let probeAt = now;
          while (spawns.filter((one) => isWithin(one.at, probeAt)).length > by.intensity) {
            const ends = spawns.map((one) => one.at + by.periodMs).filter((end) => end > probeAt);
            probeAt = Math.min(...ends);
          }
          expect(nextProbeAt(state, by, now)).toBe(probeAt);
          const isHeld = first !== undefined && deaths.length + starting >= by.intensity + 1;
          expect(nextSpawnAt(state, by, now, starting)).toBe(isHeld ? Number.POSITIVE_INFINITY : probeAt);
          expect(state.chargedAt.length).toBeLessThanOrEqual(by.intensity + 1);
          expect(state.spawnedAt.length).toBeLessThanOrEqual(by.intensity + 1);
        }
      }),
      { numRuns: isLong ? 300 : 40 },
    );
  });

  test('G10: a module that cannot start causes max(size, intensity + 1) spawns at most before the pool breaks', () => {
    const sizes = fc.record({ size: fc.integer({ min: 1, max: 12 }), intensity: fc.nat(8), order: fc.infiniteStream(fc.nat()) });
    fc.assert(
      fc.property(sizes, ({ size, intensity, order }) => {
        const by = { intensity, periodMs: 1e9 };
        let state = calm;
        let starting = 0;
        let spawns = 0;
        const fill = () => {
          while (starting < size && nextSpawnAt(state, by, spawns, starting) <= spawns) {
            state = spawned(state, by, spawns);
            spawns += 1;
            starting += 1;
          }
        };
        fill();
        for (let deaths = 1; !isExceeded(state, by); deaths++) {
          expect(starting).toBeGreaterThan(0); // it never gets stuck between calm and broken
          starting -= 1;
          state = charge(state, by, spawns, spawns + deaths);
          const [choice] = order.take(1);
          if ((choice ?? 0) % 3 > 0 && !isExceeded(state, by)) fill();
          if (starting === 0 && !isExceeded(state, by)) fill();
        }
        expect(spawns).toBeLessThanOrEqual(Math.max(size, intensity + 1));
      }),
      { numRuns: isLong ? 300 : 40 },
    );
  });
});
