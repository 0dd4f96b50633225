import { describe, expect, test } from 'vitest';
import { afterDeath, isCharged, type SlotAtDeath } from '../../../../src/supervisor/restart/restart-policy.js';

describe('which deaths are charged to the pool (G10)', () => {
  test.each([
    ['in its boot', { requested: false, phase: 'boot' }, true],
    ['idle', { requested: false, phase: 'idle' }, true],
    ['leaving', { requested: false, phase: 'stopping' }, true],
    ['in a task, which it is charged to', { requested: false, phase: 'task' }, false],
    ['in its boot, at the request of the pool', { requested: true, phase: 'boot' }, false],
    ['idle, at the request of the pool', { requested: true, phase: 'idle' }, false],
  ] as const)('%s', (_when, death, charged) => {
    expect(isCharged(death)).toBe(charged);
  });
});

describe('what follows for the slot', () => {
  const slot: SlotAtDeath = { role: 'regular', isCharged: false, isForRestart: false, hasStandIn: false, isBeyondMinimum: false };

  test('a restart fails with its replacement, charged or not', () => {
    for (const charged of [true, false]) {
      expect(afterDeath({ ...slot, role: 'replacement', isForRestart: true, isCharged: charged })).toBe('fail-restart');
    }
  });

  test('a replacement that boots, or a spare, takes the slot before anything else is done', () => {
    for (const charged of [true, false]) {
      for (const beyond of [true, false]) {
        expect(afterDeath({ ...slot, hasStandIn: true, isCharged: charged, isBeyondMinimum: beyond })).toBe('stand-in');
      }
    }
  });

  test('an elastic pool closes the slot of a worker that did not fail', () => {
    expect(afterDeath({ ...slot, isBeyondMinimum: true })).toBe('retire');
    expect(afterDeath({ ...slot, isBeyondMinimum: true, isCharged: true })).toBe('back-off');
  });

  test('a charged death is followed by a pause, any other by a new worker', () => {
    for (const role of ['regular', 'spare', 'replacement'] as const) {
      expect(afterDeath({ ...slot, role, isCharged: true })).toBe('back-off');
      expect(afterDeath({ ...slot, role })).toBe('refill');
    }
  });

  test('spares and replacements are never closed, nor replaced by a spare', () => {
    for (const role of ['spare', 'replacement'] as const) {
      expect(afterDeath({ ...slot, role, hasStandIn: true, isBeyondMinimum: true })).toBe('refill');
    }
  });
});
