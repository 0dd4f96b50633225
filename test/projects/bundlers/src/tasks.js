import { writeFileSync } from 'node:fs';
import { context, isWorker, onStart, onStop } from 'everpool/worker';

let mark = 'not started';
onStart((data) => {
  mark = data.mark;
});
onStop(() => writeFileSync(mark, ''));

export const add = (a, b) => a + b;
export const add1 = (a) => a + 1;

export async function look() {
  const { attempt } = context();
  await new Promise((resolve) => setTimeout(resolve, 1));
  return {
    attempt: [attempt, context().attempt],
    isWorker,
    argv: process.argv.slice(2),
    execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
    globals: [
      typeof globalThis.module,
      typeof globalThis.require,
      typeof globalThis.fs,
      typeof crypto.subtle,
      crypto === process.getBuiltinModule('crypto'),
    ],
  };
}

export function boom() {
  throw Object.assign(new RangeError('boom'), { code: 'E_BOOM' });
}

export function* count(to) {
  for (let value = 0; value < to; value++) yield value;
}

export const die = () => process.exit(3);

export function spin() {
  for (let turns = 0; ; turns++) globalThis.turns = turns; // Rollup takes an empty loop away
}
