/**
 * The body of the first message to every worker. It is encoded when the pool is created, so that
 * later changes by the program have no effect.
 */
import type { BootInfo } from '../../ipc/boot-info.js';
import { type Encoded, encode, UnserialisableError } from '../../ipc/codec/codec.js';
import { OptionsError } from '../../shared/errors.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';

/** @throws OptionsError if `workerData` cannot be sent */
export function encodedBoot({ module, workerData, name, concurrency }: ResolvedPoolOptions): Encoded {
  const info: BootInfo = { module, workerData, name, concurrency };
  try {
    const encoded = encode(info, '');
    // Large binary data is encoded by reference, and the program may still write to it.
    return { ...encoded, attachments: encoded.attachments.map((each) => Buffer.from(each)) };
  } catch (cause) {
    if (!(cause instanceof UnserialisableError)) throw cause;
    // The paths start at `info`, and so with a dot.
    throw new OptionsError(`workerData: expected a structured-cloneable value: ${cause.message.slice(1)}`, { cause });
  }
}
