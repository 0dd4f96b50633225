/** The hooks of one worker, which run before it is ready and before it leaves. */
import { EverpoolError } from '../shared/errors.js';

export type StartHook = (workerData: unknown) => void | Promise<void>;
export type StopHook = () => void | Promise<void>;

export class Hooks {
  readonly #start: StartHook[] = [];
  readonly #stop: StopHook[] = [];
  #hasStarted = false;

  get hasStop(): boolean {
    return this.#stop.length > 0;
  }

  onStart(hook: StartHook): void {
    if (this.#hasStarted) {
      const message = 'onStart() was called after the worker had started: call it while the task module is being imported';
      throw new EverpoolError(message, 'ERR_EVERPOOL_TOO_LATE');
    }
    this.#start.push(hook);
  }

  onStop(hook: StopHook): void {
    this.#stop.push(hook);
  }

  /**
   * Runs them in the order of registration; a hook may add another. Rejects with the first error.
   */
  async runStart(workerData: unknown): Promise<void> {
    for (const hook of this.#start) await hook(workerData);
    this.#hasStarted = true;
    this.#start.length = 0;
  }

  /** Runs them in the order of registration. A failing hook does not stop the others. */
  async runStop(onError: (error: unknown) => void): Promise<void> {
    for (const hook of this.#stop) {
      try {
        await hook();
      } catch (error) {
        onError(error);
      }
    }
  }
}
