/** What uses a worker. The supervisor knows of tasks only this. */
import type { Message } from '../../ipc/frame.js';
import type { Death } from '../../shared/types.js';

export interface WorkerClient {
  /** Attempts with the worker: sent and not closed. */
  readonly load: number;
  /** Attempts that the worker has started and not answered, by its note. */
  countStarted(): number;
  /** Since when it has started nothing of what it was given; undefined while something runs in it, or nothing is to start. */
  owesSince(): number | undefined;
  /** Takes back what has not started; false if something has: then the worker is not hung, and must not end for it. */
  mayKillAsHung(): boolean;
  /** A message that is not the supervisor's own. @throws ProtocolError when it makes no sense. */
  onMessage(message: Message): void;
  /** All messages of one read have been given: the turn may act on them. */
  onRead(): void;
  /** The worker takes no more, for whatever reason. Called once. */
  onLost(): void;
  /** Everything the worker had sent has been given; it is no more. Called once, after `onLost`. */
  onDied(death: Death): void;
}
