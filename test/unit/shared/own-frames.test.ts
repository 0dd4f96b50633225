import { afterAll, expect, test } from 'vitest';
import { cutOwnFrames, setOwnPlace } from '../../../src/shared/own-frames.js';

const own = 'file:///app/node_modules/everpool/dist/worker/entry.js';
setOwnPlace(own);
afterAll(() => setOwnPlace(new URL('../../../src/', import.meta.url).href));

const stack = (...frames: string[]): string =>
  ['Error: broken', '    of two lines', ...frames.map((frame) => `    at ${frame}`)].join('\n');

test('everything below the last frame of the program is cut, with the frames of Node between', () => {
  const program = ['inner (file:///app/tasks.js:3:9)', 'JSON.parse (<anonymous>)', 'node:fs:5:6', 'outer (file:///app/tasks.js:9:1)'];
  const below = [
    'AsyncLocalStorage.run (node:async_hooks:346:14)',
    `Current.run (${own}:1:2)`,
    `#run (${own}:3:4)`,
    'process.emit (node:events:5:6)',
  ];
  expect(cutOwnFrames(stack(...program, ...below))).toBe(stack(...program));
  expect(cutOwnFrames(stack(...program, `async #await (${own}:3:4)`))).toBe(stack(...program));
  expect(cutOwnFrames(stack(`Replies.progress (${own}:1:2)`, ...program, ...below))).toBe(stack(...program));
});

test('a stack that has nothing of everpool stays as it is; what exec has compiled does not say where', () => {
  const timer = stack('Timeout._onTimeout (file:///app/tasks.js:3:9)', 'listOnTimeout (node:internal/timers:581:17)');
  expect(cutOwnFrames(timer)).toBe(timer);
  const compiled = `eval (eval at compile (${own}:84:16), <anonymous>:3:52)`;
  expect(cutOwnFrames(stack(compiled, `Current.run (${own}:1:2)`))).toBe(stack('eval (<anonymous>:3:52)'));
  const byProgram = stack('eval (eval at compile (file:///app/tasks.js:84:16), <anonymous>:3:52)');
  expect(cutOwnFrames(`${byProgram}\n    at Current.run (${own}:1:2)`)).toBe(byProgram);
  expect(cutOwnFrames('')).toBe('');
  expect(cutOwnFrames(own)).toBe(own);
});

test('where the program has no frame, those of Node stay: they say that a module could not be parsed', () => {
  const parsing = [
    'compileSourceTextModule (node:internal/modules/esm/utils:340:16)',
    'ModuleLoader.link (node:internal/modules/esm/loader:106:18)',
  ];
  const below = ['process.processTicksAndRejections (node:internal/process/task_queues:95:5)'];
  expect(cutOwnFrames(stack(...parsing, `async #boot (${own}:3:4)`, ...below))).toBe(stack(...parsing));
  expect(cutOwnFrames(stack(`#bury (${own}:3:4)`, ...below))).toBe(stack());
});

test('a frame may have a path instead of a URL', () => {
  const path = own.slice('file://'.length);
  expect(cutOwnFrames(stack('f (/app/tasks.js:3:9)', `Current.run (${path}:1:2)`))).toBe(stack('f (/app/tasks.js:3:9)'));
});
