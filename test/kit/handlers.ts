/** What the handlers of a promise hear: one of each kind is attached in the turn of the call. */

export interface Heard {
  readonly byThen: unknown[];
  readonly byCatch: unknown[];
  readonly byFinally: unknown[];
}

/**
 * Resolves when every handler has been called; what is heard later still lands in the same lists.
 */
export async function handlersOf(promise: Promise<unknown>): Promise<Heard> {
  const heard: Heard = { byThen: [], byCatch: [], byFinally: [] };
  await Promise.all([
    promise.then(
      (value) => heard.byThen.push(value),
      (error) => heard.byThen.push(error),
    ),
    promise.catch((error) => heard.byCatch.push(error)),
    promise.finally(() => heard.byFinally.push(undefined)).catch((error) => heard.byFinally.push(error)),
  ]);
  return heard;
}
