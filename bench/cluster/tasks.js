/** The tasks of the benchmark of the cluster. */
import { context } from '../../dist/worker/index.js';

export const noop = () => undefined;

/** Its first start never ends; its second one ends immediately. */
export function endsAtTheSecondStart() {
  if (context().attempt > 1) return undefined;
  return new Promise(() => setInterval(() => undefined, 1000));
}
