/** `ready()`: the store answers, or it does not within `connectTimeoutMs`. */
import { because } from '../../shared/program.js';
import { StoreError } from '../errors.js';
import type { ClientCore } from './client-core.js';

export function whenReady(core: ClientCore): Promise<void> {
  const { clock, options, store, waiters } = core;
  return new Promise((resolve, reject) => {
    if (core.state !== 'open') {
      reject(core.closedError());
      return;
    }
    const { connectTimeoutMs } = options;
    const end = (settle: () => void): void => {
      clock.clearTimer(timer);
      unwatch();
      settle();
    };
    const timer = clock.setTimer(() => {
      const text = `the store did not answer within ${connectTimeoutMs} ms${because(core.lastError)}`;
      end(() => reject(new StoreError(text, { cause: core.lastError })));
    }, connectTimeoutMs);
    const unwatch = waiters.watch(() => {
      if (core.state !== 'open') end(() => reject(core.closedError()));
    });
    store.ready().then(
      () => end(resolve),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
