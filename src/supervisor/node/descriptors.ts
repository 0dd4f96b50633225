/** Checks before a spawn that the process will not run out of descriptors in the middle of it. */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** What a spawn needs beside the pipes: the error pipe, /dev/null, and temporary duplicates. */
const SPAWN_OVERHEAD = 4;

/**
 * When descriptors run out in the last steps of a spawn, Node leaks the sockets that it has already
 * made: three each time (G9). So free descriptors are counted first, which takes about 20 µs.
 *
 * @throws the system error, EMFILE or ENFILE, if too few are free for a child with this number of
 * pipes
 */
export function requireDescriptors(pipes: number): void {
  const opened: number[] = [];
  try {
    for (let i = 0; i < 2 * pipes + SPAWN_OVERHEAD; i++) opened.push(openSync(devNull, 'r'));
  } catch (error) {
    // Node's permission model may deny /dev/null. Then nothing is counted.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
