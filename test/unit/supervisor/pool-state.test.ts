import { describe, expect, test } from 'vitest';
import { PoolBrokenError } from '../../../src/shared/errors.js';
import { Story } from '../../../src/shared/transitions.js';
import type { Death } from '../../../src/shared/types.js';
import { PoolState } from '../../../src/supervisor/pool-state.js';

const error = new PoolBrokenError('it is broken', { death: {} as Death });

function stateAfter(...steps: ('break' | 'recover' | Parameters<PoolState['become']>[0])[]): PoolState {
  const state = new PoolState(new Story('pool'));
  for (const step of steps) {
    if (step === 'break') state.break(error);
    else if (step === 'recover') state.recover();
    else state.become(step);
  }
  return state;
}

describe('the state of a pool', () => {
  test('users see four states', () => {
    expect(stateAfter().shown).toBe('open');
    expect(stateAfter('break').shown).toBe('broken');
    for (const end of ['closing', 'terminating', 'killing'] as const) {
      expect(stateAfter(end).shown).toBe('closing');
      expect(stateAfter('break', end).shown).toBe('closing');
    }
    expect(stateAfter('closing', 'leaving').shown).toBe('closing');
    expect(stateAfter('killing', 'closed').shown).toBe('closed');
  });

  test('a pool that closes still starts the tasks that it has; one that leaves, terminates or kills does not', () => {
    expect(stateAfter('closing').startsTasks).toBe(true);
    expect(stateAfter('closing', 'leaving').startsTasks).toBe(false);
    expect(stateAfter('terminating').startsTasks).toBe(false);
    expect(stateAfter('killing').startsTasks).toBe(false);
    expect(stateAfter('killing', 'closed').startsTasks).toBe(false);
  });

  test('why it broke is known until it recovers', () => {
    expect(stateAfter('break').brokenBy).toBe(error);
    expect(stateAfter('break', 'recover').brokenBy).toBeUndefined();
    expect(stateAfter('break', 'recover').state).toBe('open');
    expect(stateAfter('break', 'closing').brokenBy).toBe(error);
  });

  test('a pool that breaks while it closes goes on closing, and what is left in it fails', () => {
    const state = stateAfter('closing', 'break');
    expect(state.state).toBe('closing');
    expect(state.brokenBy).toBe(error);
  });

  test('nothing follows the end, and no end is taken back', () => {
    for (const next of ['open', 'closing', 'terminating', 'killing'] as const) {
      expect(() => stateAfter('killing', 'closed', next)).toThrow('it cannot become');
    }
    expect(() => stateAfter('terminating', 'closing')).toThrow('it cannot become');
    expect(() => stateAfter('closing', 'recover')).toThrow('it cannot become');
  });
});
