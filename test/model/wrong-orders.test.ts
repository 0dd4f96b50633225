/** The model would notice: each wrong order leads to a state that breaks a guarantee. */
import { expect, test } from 'vitest';
import { walk } from './world.js';
import { WRONG_ORDERS } from './wrong-orders.js';

test.each(WRONG_ORDERS.map((wrong) => [wrong.breaks, wrong.name, wrong] as const))('%s: %s', (breaks, _name, { rules, scene }) => {
  const { states, fault, path } = walk(scene, rules);
  console.log(`states: ${states}`);
  expect(fault?.split(':')[0], path.join('\n')).toBe(breaks);
});
