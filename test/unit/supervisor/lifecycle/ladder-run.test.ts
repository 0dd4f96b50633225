import { describe, expect, test } from 'vitest';
import { Patience } from '../../../../src/shared/patience.js';
import type { WorkerProcess } from '../../../../src/shared/platform.js';
import type { LadderStep } from '../../../../src/supervisor/lifecycle/kill-ladder.js';
import { LadderRun } from '../../../../src/supervisor/lifecycle/ladder-run.js';
import { FakeClock } from '../../../kit/fake-clock.js';

const LADDER: readonly LadderStep[] = [
  { signal: 'SIGINT', waitMs: 100 },
  { signal: 'SIGTERM', waitMs: 1000 },
  { signal: 'SIGKILL', waitMs: 5000 },
];

function ladderRunOf(): { clock: FakeClock; ladderRun: LadderRun; patience: Patience; story: string[] } {
  const clock = new FakeClock();
  const patience = new Patience(clock);
  const story: string[] = [];
  const process = { signal: (signal: string) => story.push(`${clock.time}: ${signal}`) } as unknown as WorkerProcess;
  const ladderRun = new LadderRun(process, patience, () => story.push(`${clock.time}: top`));
  return { clock, ladderRun, patience, story };
}

describe('a run of the kill ladder', () => {
  test('sends each signal when the one before it has had its time, and then reports that nothing has helped', () => {
    const { clock, ladderRun, story } = ladderRunOf();
    ladderRun.begin(LADDER);
    expect(story).toEqual(['0: SIGINT']);
    clock.advance(10_000);
    expect(story).toEqual(['0: SIGINT', '100: SIGTERM', '1100: SIGKILL', '6100: top']);
    expect(clock.timers.size).toBe(0);
  });

  test('ends when the process has ended', () => {
    const { clock, ladderRun, patience, story } = ladderRunOf();
    ladderRun.begin(LADDER);
    clock.advance(150);
    patience.stop();
    clock.advance(10_000);
    expect(story).toEqual(['0: SIGINT', '100: SIGTERM']);
  });

  test('goes on from a stronger signal immediately', () => {
    const { clock, ladderRun, story } = ladderRunOf();
    ladderRun.begin(LADDER);
    clock.advance(50);
    ladderRun.begin(LADDER.slice(2));
    clock.advance(10_000);
    expect(story).toEqual(['0: SIGINT', '50: SIGKILL', '5050: top']);
  });

  test('is not put off by who asks again, for the same signal or a weaker one', () => {
    const { clock, ladderRun, story } = ladderRunOf();
    ladderRun.begin(LADDER.slice(1));
    clock.advance(500);
    ladderRun.begin(LADDER.slice(1));
    ladderRun.begin(LADDER);
    clock.advance(10_000);
    expect(story).toEqual(['0: SIGTERM', '1000: SIGKILL', '6000: top']);
  });
});
