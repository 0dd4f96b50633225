/**
 * The user of a worker: the pool's leases implement it. This interface is all that the supervisor
 * knows of tasks.
 */
import type { Message } from '../../ipc/frame.js';
import type { Death } from '../../shared/types.js';

export interface WorkerClient {
  /** The number of attempts with the worker: sent and not closed. */
  readonly load: number;
  /** The number of attempts that the worker has started (by its control file) and not answered. */
  countStarted(): number;
  /**
   * Since when the worker has had attempts and started none of them. Undefined while an attempt
   * runs, or if there is none to start.
   */
  owesSince(): number | undefined;
  /**
   * Takes back all attempts that have not started. Returns false if one has: then the worker is not
   * hung and must not be killed as hung.
   */
  mayKillAsHung(): boolean;
  /** A message for the client, not for the supervisor. @throws ProtocolError if it is invalid */
  onMessage(message: Message): void;
  /** All messages of one read have been delivered: the client may act on them. */
  onRead(): void;
  /** The worker accepts no more attempts, for whatever reason. Called once. */
  onLost(): void;
  /**
   * The worker is dead, and every message it sent has been delivered. Called once, after `onLost`.
   */
  onDied(death: Death): void;
}
