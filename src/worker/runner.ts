/**
 * The worker's side of the protocol: receives the parent's messages, boots, and leaves.
 *
 *   waiting → booting → ready → leaving → exited
 *
 * The runner reaches the world only through its platform, and waits only for tasks and hooks.
 * attempts.ts decides how attempts start and end; replies.ts sends the answers.
 */
import { inspect } from 'node:util';
import type { BootInfo } from '../ipc/boot-info.js';
import { decode, describe } from '../ipc/codec/codec.js';
import { FrameType, type Message, type MessageOf } from '../ipc/frame.js';
import { FrameReader } from '../ipc/frame-reader.js';
import {
  abortKindOf,
  exitCodeOf,
  keptOf,
  memoryReportMsOf,
  nameIdOf,
  questionOf,
  softTimeoutMsOf,
  takenCountOf,
  workerIdOf,
} from '../ipc/messages.js';
import { EverpoolError } from '../shared/errors.js';
import type { Attempt } from './attempt.js';
import { Attempts } from './attempts.js';
import { Chunks } from './chunks.js';
import { contextOf } from './context.js';
import { CurrentAttempt } from './current-attempt.js';
import { Hooks } from './hooks.js';
import type { WorkerPlatform } from './platform.js';
import { Replies } from './replies.js';
import { Streams } from './streams.js';
import type { TaskContext } from './task-context.js';
import { TaskRegistry } from './task-registry.js';
import { Title } from './title.js';

type State = 'waiting' | 'booting' | 'ready' | 'leaving' | 'exited';

export class Runner {
  readonly platform: WorkerPlatform;
  readonly hooks: Hooks = new Hooks();
  readonly replies: Replies;
  readonly tasks: TaskRegistry;
  readonly current: CurrentAttempt = new CurrentAttempt();
  workerId = 0;
  title: Title | undefined;
  readonly streams: Streams = new Streams(this);
  readonly chunks: Chunks = new Chunks(this);
  readonly #reader: FrameReader;
  readonly #attempts: Attempts;
  #state: State = 'waiting';
  #stopping: Promise<void> | undefined;

  constructor(platform: WorkerPlatform) {
    this.platform = platform;
    this.replies = new Replies(platform);
    this.tasks = new TaskRegistry(platform);
    this.#attempts = new Attempts(this);
    this.#reader = new FrameReader(
      (message) => this.#onMessage(message),
      (message) => {
        if (message.type === FrameType.Run) this.#attempts.onHeader(message);
      },
    );
  }

  /** The memory for the next bytes, in the middle of a large message (frame-reader.ts). */
  get receiveBuffer(): Buffer | undefined {
    try {
      return this.#reader.receiveBuffer;
    } catch (error) {
      this.onFault(error);
      return undefined;
    }
  }

  /**
   * The first `bytes` of `chunk` came from the parent; the caller may reuse their memory
   * afterwards. An error in here is never a task's doing: it ends the worker.
   */
  receive(chunk: Buffer, bytes: number = chunk.length): void {
    if (this.#state === 'exited') return;
    try {
      this.#reader.push(bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
    } catch (error) {
      this.onFault(error);
    }
  }

  /** The parent has exited, or has closed the channel: nobody waits for a result any more. */
  onParentLost(): void {
    if (this.#state === 'exited') return;
    const mayStop = this.#attempts.isIdle && (this.#state === 'ready' || this.#state === 'leaving');
    if (mayStop) this.#stopAndExit();
    else this.#exit(1);
  }

  /** Starts no more attempts, and runs the stop hooks once. Never rejects. */
  stop(): Promise<void> {
    if (this.#state !== 'exited') this.#state = 'leaving';
    this.#attempts.close();
    this.#stopping ??= this.hooks.runStop((error) => this.#print(error));
    return this.#stopping;
  }

  /**
   * The context of the running task.
   * @throws EverpoolError (ERR_EVERPOOL_NO_CONTEXT) outside a task
   */
  context(): TaskContext {
    const attempt = this.current.find(this.#attempts.running);
    if (attempt !== undefined) return contextOf(attempt, this);
    const message = 'context() was called outside a task: call it in a task function, or in a function that the task calls';
    throw new EverpoolError(message, 'ERR_EVERPOOL_NO_CONTEXT');
  }

  /** True while a task runs: as far as the worker can know, the calling code is part of it. */
  get isInTask(): boolean {
    return !this.#attempts.isIdle || this.current.find(this.#attempts.running) !== undefined;
  }

  progress(attempt: Attempt, value: unknown): void {
    this.replies.progress(attempt, value);
  }

  onIdle(): void {
    if (this.#stopping === undefined) this.#stopAndExit();
  }

  onFault(error: unknown): void {
    if (this.#state === 'exited') return;
    this.#print(error);
    this.#exit(1);
  }

  // ---- messages

  #onMessage(message: Message): void {
    switch (message.type) {
      case FrameType.Run:
        this.#attempts.onRun(message);
        return;
      case FrameType.Define:
        this.tasks.define(nameIdOf(message), bodyOf(message) as string);
        return;
      case FrameType.Abort:
        this.#abort(message);
        return;
      case FrameType.Taken:
        this.streams.taken(message.seq, takenCountOf(message));
        return;
      case FrameType.Recalled:
        this.#attempts.recalled(message.seq, keptOf(message));
        return;
      case FrameType.Ping:
        this.replies.pong(questionOf(message));
        return;
      case FrameType.Boot:
        void this.#boot(message);
        return;
      case FrameType.Leave:
        this.#leave();
        return;
      case FrameType.Exit:
        this.#exit(exitCodeOf(message));
        return;
      default:
        throw new Error(`unexpected message type ${message.type}`);
    }
  }

  /** Never rejects. */
  async #boot(message: MessageOf<typeof FrameType.Boot>): Promise<void> {
    this.#state = 'booting';
    try {
      const info = bodyOf(message) as BootInfo;
      this.workerId = workerIdOf(message);
      this.#setUp(info, memoryReportMsOf(message));
      this.tasks.use(await this.platform.load(info.module));
      await this.hooks.runStart(info.workerData);
      if (!this.#isBooting()) return;
      this.#state = 'ready';
      this.replies.ready(this.tasks.exports);
      this.#attempts.open(info.concurrency);
    } catch (error) {
      if (!this.#isBooting()) {
        this.onFault(error);
        return;
      }
      this.replies.bootFailed(error);
      if (this.platform.crash?.(error) === true) {
        this.#state = 'exited';
        return;
      }
      this.#print(error); // for errors that cannot be encoded: the parent keeps the tail of stderr
      this.#exit(1);
    }
  }

  #setUp({ title, name }: BootInfo, memoryReportMs: number): void {
    const { platform, workerId } = this;
    if (platform.title !== undefined) {
      this.title = new Title(title ?? `${name}: worker ${workerId}`, platform.title, (callback, delayMs) =>
        platform.later?.(callback, delayMs),
      );
    }
    if (memoryReportMs > 0) platform.reportMemory?.(memoryReportMs, (rssBytes) => this.replies.memory(rssBytes));
  }

  /** False once the worker has been asked to leave, or has exited. */
  #isBooting(): boolean {
    return this.#state === 'booting';
  }

  #abort(message: MessageOf<typeof FrameType.Abort>): void {
    let reason: unknown;
    try {
      if (message.body.length > 0) reason = bodyOf(message);
    } catch {
      // A task must not go on because its reason cannot be decoded: the default reason replaces it.
    }
    this.#attempts.abort(message.seq, { kind: abortKindOf(message), reason, timeoutMs: softTimeoutMsOf(message) });
  }

  #leave(): void {
    this.#state = 'leaving';
    this.#attempts.close();
    if (this.#attempts.isIdle) this.onIdle();
  }

  #stopAndExit(): void {
    // Without a hook, and with nothing left to write, the worker exits in this turn.
    if (this.hooks.hasStop) void this.stop().then(() => this.#leaveNow());
    else this.#leaveNow();
  }

  /** Exits once its output has left the process. The parent decides how long that may take. */
  #leaveNow(): void {
    if (this.platform.whenWritten === undefined) this.#exit(0);
    else this.platform.whenWritten(() => this.#exit(0));
  }

  #exit(code: number): void {
    this.#state = 'exited';
    this.platform.exit(code);
  }

  #print(error: unknown): void {
    let text: string;
    try {
      text = inspect(error);
    } catch {
      text = describe(error); // its getters throw
    }
    this.platform.print?.(`${text}\n`);
  }
}

function bodyOf(message: Message): unknown {
  return decode(message.codec, message.body, message.attachments);
}
