import { mock, test } from 'node:test';
import { everything } from './everything.js';

test('every timer that node:test can mock', () =>
  everything(
    () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] }),
    () => mock.timers.reset(),
  ));
