import { describe, expect, test } from 'vitest';
import { type LadderStep, ladderFrom } from '../../../src/supervisor/kill-ladder.js';

const ladder: readonly LadderStep[] = [
  { signal: 'SIGTERM', waitMs: 1000 },
  { signal: 'SIGKILL', waitMs: 5000 },
];

describe('kill ladder', () => {
  test('a ladder that begins with one of its signals is the rest from there', () => {
    expect(ladderFrom(ladder, 'SIGTERM')).toEqual(ladder);
    expect(ladderFrom(ladder, 'SIGKILL')).toEqual([{ signal: 'SIGKILL', waitMs: 5000 }]);
  });

  test('a ladder that begins with another signal goes on with all of its own', () => {
    expect(ladderFrom(ladder, 'SIGINT')).toEqual([{ signal: 'SIGINT', waitMs: 1000 }, ...ladder]);
  });
});
