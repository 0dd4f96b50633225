/** Waits of a store. */

/** Resolves when the promise has settled, or the time is over. Never rejects. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise.catch(() => undefined), late]);
  clearTimeout(timer);
}

/** Keeps no process alive. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Resolves when the events of what was just destroyed have been handled. */
export function afterEvents(): Promise<void> {
  return new Promise(setImmediate);
}
