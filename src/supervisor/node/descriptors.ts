/** Whether a process can be started without running out of descriptors half-way. */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** The pipe on which the new process tells that it could not start, its /dev/null, and what it needs to put them in order. */
const OF_THE_START = 4;

/**
 * When the descriptors run out in the last steps of a spawn, Node returns without closing the sockets that it had
 * already made, and nothing holds them: three are lost each time (G9). So they are counted first, for about 20 µs.
 *
 * @throws the system error, EMFILE or ENFILE, when fewer are free than a child with this many pipes takes.
 */
export function requireDescriptors(pipes: number): void {
  const opened: number[] = [];
  try {
    for (let i = 0; i < 2 * pipes + OF_THE_START; i++) opened.push(openSync(devNull, 'r'));
  } catch (error) {
    // Under Node's permission model /dev/null may be out of reach; then they are not counted.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
