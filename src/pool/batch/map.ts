/** `map` and `starmap`: checks the items and options, and starts the batch. */
import { invalid } from '../../shared/check.js';
import { resolveMapOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import { captureCaller } from '../task/submission-stack.js';
import type { MapOptions } from '../types.js';
import { type Batch, BatchHandle } from './batch.js';
import { BatchRun } from './batch-run.js';
import { sourceOf, type ToArgs } from './input.js';
import { PoolSubmitter } from './pool-submitter.js';

/** @throws OptionsError only, for a wrong option or items that cannot be iterated */
export function createBatch<T, R>(
  core: PoolContext,
  name: string,
  items: Iterable<T> | AsyncIterable<T>,
  toArgs: ((item: T) => readonly unknown[]) | undefined,
  options: MapOptions | undefined,
): Batch<R> {
  const resolved = resolveMapOptions(options, core.options.task);
  const source = sourceOf(items);
  if (source === undefined) throw invalid('items', 'an iterable or an async iterable', items);
  const submitter = new PoolSubmitter(core, name, captureCaller(createBatch));
  return new BatchHandle<R>(submitter.id, new BatchRun(submitter, source, toArgs as ToArgs | undefined, resolved));
}
