import { test } from 'node:test';
import fakeTimers from '@sinonjs/fake-timers';
import { everything } from './everything.js';

test('every timer that sinon can fake, but for those that await needs', () => {
  let clock;
  return everything(
    () => {
      clock = fakeTimers.install({ toNotFake: ['nextTick', 'queueMicrotask'] });
    },
    () => clock.uninstall(),
  );
});
