/**
 * BullMQ's Worker with pauses that keep no process alive, and whose loop sees at once that it may
 * take more tasks.
 */
import type { IQueueBackend, Worker } from 'bullmq';
import type { BullMQ } from './peers.js';
import { pause } from './waits.js';

/** After an error, before stalled tasks are looked for again. */
const CHECK_AGAIN_MS = 1000;
/** After an error, before it waits for tasks again. */
const WAIT_AGAIN_MS = 100;

type AnyWorker = Worker<unknown, unknown, string, IQueueBackend>;

/** What the loop waits for: the ends of its tasks. */
interface Loop {
  add(next: Promise<undefined>): void;
}

export interface BaseWorker extends AnyWorker {
  /** As the setter of `concurrency`. */
  setConcurrency(concurrency: number): void;
}

export function baseWorkerClass(bullmq: BullMQ): new (...args: unknown[]) => BaseWorker {
  const Base = bullmq.Worker as new (...args: unknown[]) => AnyWorker;
  return class extends Base implements BaseWorker {
    setConcurrency(concurrency: number): void {
      const before = this.concurrency;
      this.concurrency = concurrency;
      if (concurrency <= before) return;
      const { mainLoopQueue } = this as unknown as { readonly mainLoopQueue?: Loop | null };
      mainLoopQueue?.add(Promise.resolve(undefined)); // as `resume` does
    }

    override delay(ms: number = WAIT_AGAIN_MS): Promise<void> {
      return pause(ms);
    }

    protected override async checkConnectionError<T>(call: () => Promise<T>): Promise<T | undefined> {
      let hasFailed = false;
      const fail = (error: unknown): never => {
        hasFailed = true;
        throw error;
      };
      const answer = await super.checkConnectionError(() => call().catch(fail), 0);
      if (hasFailed) await pause(CHECK_AGAIN_MS);
      return answer;
    }
  };
}
