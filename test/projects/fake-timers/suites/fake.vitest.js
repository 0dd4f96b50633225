import { test, vi } from 'vitest';
import { everything } from './everything.js';

test('every timer is fake', { timeout: 120_000 }, () =>
  everything(
    () =>
      vi.useFakeTimers({
        toFake: [
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'setImmediate',
          'clearImmediate',
          'Date',
          'performance',
          'queueMicrotask',
        ],
      }),
    () => vi.useRealTimers(),
  ),
);

test('setImmediate alone is fake', { timeout: 120_000 }, () =>
  everything(
    () => vi.useFakeTimers({ toFake: ['setImmediate'] }),
    () => vi.useRealTimers(),
  ),
);
