import { jest, test } from '@jest/globals';
import { everything } from './everything.js';

test(
  'modern timers',
  () =>
    everything(
      () => jest.useFakeTimers({ doNotFake: ['nextTick'] }),
      () => jest.useRealTimers(),
    ),
  120_000,
);

test(
  'legacy timers',
  () =>
    everything(
      () => jest.useFakeTimers({ legacyFakeTimers: true }),
      () => jest.useRealTimers(),
    ),
  120_000,
);
