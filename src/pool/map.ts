import type { Batch } from './batch.js';
import type { Core } from './core.js';
import type { MapOptions } from './types.js';

// biome-ignore lint/complexity/noBannedTypes: only passed on to captureStackTrace
export function createBatch<T, R>(
  _core: Core,
  _name: string,
  _items: Iterable<T> | AsyncIterable<T>,
  _toArgs: (item: T) => readonly unknown[],
  _options: MapOptions | undefined,
  _below: Function,
): Batch<R> {
  throw new Error('being written');
}
