import { describe, expect, test } from 'vitest';
import { linesOf, newFolder, newPool, useKit } from '../kit.js';

const ROUNDS = 300;

describe('G5: no bystanders', () => {
  useKit();

  for (const how of ['kill', 'cancel', 'timeout'] as const) {
    for (const task of ['mark', 'markAsync'] as const) {
      test(`a ${how} aimed at a task (${task}) that is just ending harms no task sent ahead behind it, ${ROUNDS} times`, async () => {
        const file = `${newFolder()}/marks`;
        const pool = newPool({ size: 1, graceMs: 0 });
        for (let index = 0; index < 20; index += 1) await pool.run(task, [file, 'warm']);
        for (let round = 0; round < ROUNDS; round += 1) {
          const target = pool.run(task, [file, `target ${round}`], how === 'timeout' ? { timeoutMs: (round % 5) / 2 } : {});
          const bystanders = [0, 1, 2].map((index) => pool.run(task, [file, `bystander ${round}.${index}`]));
          const outcome = Promise.allSettled([target]);
          await target.started.catch(() => undefined);
          for (let turn = 0; turn < round % 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          if (how !== 'timeout') await target[how]();
          expect(await Promise.all(bystanders)).toHaveLength(3);
          await outcome;
        }
        const lines = linesOf(file).filter((line) => line !== 'warm');
        expect(new Set(lines).size).toBe(lines.length);
        expect(lines.filter((line) => line.startsWith('bystander'))).toHaveLength(3 * ROUNDS);
      });
    }
  }
});
