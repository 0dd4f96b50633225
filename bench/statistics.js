/** Medians, and loops that measure for a given time. */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const quantile = (list, share) => [...list].sort((a, b) => a - b)[Math.floor((list.length - 1) * share)];
export const median = (list) => quantile(list, 0.5);

/**
 * Calls repeatedly, one at a time, for at least `ms` and `least` times; returns the calls and the
 * milliseconds.
 */
export async function repeat(call, ms, least = 1) {
  const start = performance.now();
  let calls = 0;
  while (calls < least || performance.now() - start < ms) {
    await call();
    calls += 1;
  }
  return { calls, ms: performance.now() - start };
}

/**
 * Runs `count` loops, each of which awaits a call and makes the next; returns the calls per second.
 */
export async function closedLoop(call, inFlight, ms) {
  let calls = 0;
  let isOver = false;
  const start = performance.now();
  setTimeout(() => {
    isOver = true;
  }, ms);
  const loops = Array.from({ length: inFlight }, async () => {
    while (!isOver) {
      await call();
      calls += 1;
    }
  });
  await Promise.all(loops);
  return (calls / (performance.now() - start)) * 1000;
}
