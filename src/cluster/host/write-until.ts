/** Repeats a write that the store did not take because it was away. */
import type { Clock } from '../../shared/platform.js';
import type { IsRefusal } from '../store/types.js';

const REPEAT_MS = 1000;

/**
 * @param lost resolves when the write has become pointless
 * @returns why the store refuses it; undefined if it was written, or has become pointless
 */
export async function writeUntil(lost: Promise<void>, write: () => Promise<void>, clock: Clock, isRefusal: IsRefusal): Promise<unknown> {
  let isLost = false;
  const end = lost.then(() => {
    isLost = true;
  });
  while (!isLost) {
    const failure: unknown = await Promise.race([end, attempt(write)]);
    if (failure === undefined || isRefusal(failure)) return failure;
    await Promise.race([end, pause(clock)]);
  }
  return undefined;
}

async function attempt(write: () => Promise<void>): Promise<unknown> {
  try {
    await write();
    return undefined;
  } catch (error) {
    return error ?? new Error('the store refuses');
  }
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.setTimer(resolve, REPEAT_MS));
}
