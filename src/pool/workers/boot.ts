/** What every worker of a pool is told first: encoded when the pool is made, and then no business of the program's any more. */
import type { BootInfo } from '../../ipc/boot-info.js';
import { type Encoded, encode, UnserialisableError } from '../../ipc/codec/codec.js';
import { OptionsError } from '../../shared/errors.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';

/** @throws OptionsError if `workerData` cannot be sent */
export function encodedBoot({ module, workerData, name, concurrency }: ResolvedPoolOptions): Encoded {
  const info: BootInfo = { module, workerData, name, concurrency };
  try {
    const encoded = encode(info, '');
    // Large binary data is encoded by reference, and the program may write to its own.
    return { ...encoded, attachments: encoded.attachments.map((each) => Buffer.from(each)) };
  } catch (cause) {
    if (!(cause instanceof UnserialisableError)) throw cause;
    // Its paths begin with a point, as they go out from `info`.
    throw new OptionsError(`workerData: expected a structured-cloneable value: ${cause.message.slice(1)}`, { cause });
  }
}
