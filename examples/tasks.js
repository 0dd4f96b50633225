/** The tasks of the examples. */
import { context } from 'everpool/worker';

export const add = (a, b) => a + b;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms, ms));

/** Computes for `ms` milliseconds, and never yields. */
export function compute(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return ms;
}

/** Computes until it is asked to stop. The loop never yields, and still sees the request. */
export function computeUntilAborted() {
  const task = context();
  for (;;) task.checkpoint();
}
