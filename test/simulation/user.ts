/**
 * The user of the simulated pool: acts by the plan, and holds the pool to its promises.
 *
 * Every promise that the pool gave is recorded; in the end none may be pending.
 */

import type { Task } from '../../src/pool/handles/task.js';
import type { TaskOptions } from '../../src/pool/options/option-types.js';
import type { Pool } from '../../src/pool/pool.js';
import type { PoolEvents } from '../../src/pool/types.js';
import type { Action, Ending } from './action.js';
import { chunks, flood, leaveScope, type MapAction, map, stream } from './bulk.js';
import { endPool, isForced } from './ending.js';
import type { Hostile } from './hostile.js';
import { journal } from './journals.js';
import { Judge, type Submitted } from './judge.js';
import type { Ledger } from './ledger.js';
import type { SimDisk } from './sim-disk.js';
import type { SimSpawner } from './sim-spawner.js';
import { ENDLESS, type SimModule, type SimTaskName } from './tasks.js';
import { codeOf, nameOf, textOf } from './text.js';
import type { World } from './world.js';

type RunAction = Extract<Action, { do: 'run' }>;

const EVENTS: readonly (keyof PoolEvents)[] = [
  'workerSpawned',
  'workerReady',
  'workerDied',
  'taskStarted',
  'taskRetried',
  'taskSettled',
  'broken',
];

export class User {
  readonly submitted: Submitted[] = [];
  refused = 0;
  /** The pool is being ended, or has ended. */
  isFinishing = false;
  readonly #pool: Pool<SimModule>;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #spawner: SimSpawner;
  readonly #judge: Judge;
  readonly #disk: SimDisk;
  readonly #hostile: Hostile;
  readonly #open = new Map<number, string>();
  #promises = 0;

  constructor(
    pool: Pool<SimModule>,
    world: World,
    ledger: Ledger,
    spawner: SimSpawner,
    disk: SimDisk,
    hostile: Hostile,
    isQuickParent: boolean,
  ) {
    this.#pool = pool;
    this.#world = world;
    this.#ledger = ledger;
    this.#spawner = spawner;
    this.#judge = new Judge(pool, world, ledger, isQuickParent);
    this.#disk = disk;
    this.#hostile = hostile;
    hostile.accomplice = this;
    if (hostile.has('listener')) for (const event of EVENTS) pool.on(event, () => hostile.at('listener'));
  }

  /** The promises that the pool has yet to keep. */
  get open(): readonly string[] {
    return [...this.#open.values()];
  }
  get unsettled(): readonly Submitted[] {
    return this.submitted.filter((each) => each.settled === 0);
  }

  perform(action: Action): void {
    this.#world.log('user:', action.do, 'which' in action ? action.which : '');
    switch (action.do) {
      case 'run':
        for (let i = 0; i < action.count; i++) this.#run(action);
        return;
      case 'cancel':
      case 'kill': {
        const each = this.#chooseTask(action.which);
        if (each !== undefined) this.end(each, action.do);
        return;
      }
      case 'abort': {
        const each = this.#choose(
          this.submitted.filter((one) => one.controller !== undefined),
          action.which,
        );
        each?.controller?.abort(this.#hostile.reason() ?? new Error('aborted on purpose'));
        if (each !== undefined) this.#ledger.ended(each.entry);
        return;
      }
      case 'killWorker': {
        const worker = this.#choose(this.#pool.workers(), action.which);
        if (worker === undefined) return;
        this.#ledger.killedByUser.add(worker.id);
        const process = this.#spawner.processes.find((one) => one.workerId === worker.id);
        this.#keep(`killWorker(${worker.id})`, this.#pool.killWorker(worker.id), () => {
          if (process?.isAlive) this.#world.fault(`G7: worker ${worker.id} lives after killWorker resolved`);
        });
        return;
      }
      case 'strike': {
        const process = this.#choose([...this.#ledger.alive], action.which);
        const signal = (['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const)[Math.floor(action.which * 1000) % 3];
        process?.strike(signal as NodeJS.Signals);
        return;
      }
      case 'listen':
        this.#listen(action.which);
        return;
      case 'killTasks':
        this.#killTasks(action);
        return;
      case 'resize':
        this.#pool.resize({ min: action.min, max: action.max });
        return;
      case 'map':
        this.#map(action);
        return;
      case 'stream':
        this.#keep('stream', stream(this.#pool, this.#world, this.#ledger, action));
        return;
      case 'chunks':
        this.#keep('map in chunks', chunks(this.#pool, this.#world, this.#ledger, action));
        return;
      case 'flood':
        this.#keep('a flood', flood(this.#pool, this.#world, this.#ledger, action.count));
        return;
      case 'journal':
        this.#keep('a map with a journal', journal(this.#pool, this.#world, this.#ledger, this.#disk, action));
        return;
      case 'scope':
        this.#keep('leaving a scope', leaveScope(this.#pool, this.#world, this.#ledger, action));
        return;
      case 'restart':
        this.#keep('restart', this.#pool.restart({ rolling: action.rolling }));
        return;
      case 'pause':
      case 'resume':
      case 'revive':
        this.#pool[action.do]();
        return;
      default:
        this.#keep(action.do, this.#pool[action.do]());
    }
  }

  /** Requests the end of one task. */
  end(each: Submitted, how: 'cancel' | 'kill'): void {
    this.#world.log(how, each.entry.id);
    const ended = each.task[how](this.#hostile.reason());
    // After the call, because the worker may still start the task in the middle of it.
    this.#ledger.ended(each.entry);
    this.#keep(`${how} of task ${each.entry.id}`, ended, () => this.#ledger.checkEnded(each.entry, how));
  }

  /** Lets everything end that would go on for ever. */
  rest(): void {
    this.#pool.resume();
    // A task with a time limit ends by it.
    for (const each of this.unsettled)
      if (ENDLESS.has(each.entry.name as SimTaskName) && each.entry.timeoutMs === undefined) this.end(each, 'cancel');
  }

  /** Ends the pool, and records its promise. */
  finish(ending: Ending): void {
    this.isFinishing = true;
    this.#world.log('user: ends the pool by', ending);
    if (isForced(ending)) this.#ledger.isEnding = true;
    if (ending === 'close and cancel') this.#ledger.cancelsQueued = true;
    if (ending.startsWith('close') && ending !== 'close in time' && ending !== 'close, terminate') this.#endEndless();
    for (const { how, promise } of endPool(this.#pool, ending)) this.#keep(how, promise, () => this.#isOver(how));
    // After the call, because a worker may still start one in the middle of it.
    if (isForced(ending) && ending !== 'close in time')
      for (const { entry, settled } of this.submitted) if (settled === 0) this.#ledger.ended(entry);
  }

  #endEndless(): void {
    for (const each of this.unsettled) if (ENDLESS.has(each.entry.name as SimTaskName)) this.end(each, 'cancel');
  }

  #isOver(how: string): void {
    if (this.#pool.state !== 'closed') this.#world.fault(`G7: the pool is ${this.#pool.state} after ${how} resolved`);
    for (const process of this.#ledger.alive)
      if (process.fate.undyingMs === 0) this.#world.fault(`G7: worker ${process.workerId} lives after ${how} resolved`);
    const hanging = this.unsettled.map(({ entry }) => entry.id);
    if (hanging.length > 0) this.#world.fault(`G1: after ${how} the tasks ${hanging} are not settled`);
  }

  // ---- submitting

  #run(action: RunAction): void {
    const { name, options } = action;
    const controller = action.withSignal ? new AbortController() : undefined;
    const task = this.#submit(action, controller);
    if (task === undefined) return;
    if (task.id === 0) {
      this.refused += 1;
      task.catch((error) => this.#world.log('refused', name, nameOf(error)));
      return;
    }
    const { crash = 0, timeout = 0, error = 0 } = (options.retries ?? {}) as Record<string, number>;
    const { timeoutMs } = options;
    const entry = this.#ledger.submitted(task.id, name, 1 + crash + timeout + error, timeoutMs !== undefined, timeoutMs, error);
    const each: Submitted = { task, entry, controller, settled: 0 };
    this.submitted.push(each);
    if (!this.#hostile.has('stack')) this.#judge.submitted(each); // a stack is read after the task was queued
    const { end } = action;
    if (end !== undefined) this.#later(end.afterMs, () => this.end(each, end.how));
    if (controller?.signal.aborted === true) this.#ledger.ended(entry); // while its arguments were encoded
    if (options.queueTimeoutMs !== undefined) this.#judge.watchQueueTimeout(each, options.queueTimeoutMs);
    task.then(
      (value) => this.#judge.succeeded(each, value),
      (reason) => this.#judge.failed(each, reason),
    );
  }

  /** Undefined if an option of the program threw, and `run` with it. */
  #submit({ name, arg, options }: RunAction, controller: AbortController | undefined): Task<unknown> | undefined {
    const hostile = this.#hostile;
    const given: TaskOptions = { ...options };
    if (controller !== undefined) {
      given.signal = controller.signal;
      if (hostile.has('abort listener')) controller.signal.addEventListener('abort', () => hostile.at('abort listener', false));
    }
    if (name === 'reports') {
      given.onProgress = (value) => {
        this.#world.log('progress', nameOf(value));
        hostile.at('onProgress');
      };
    }
    const { retries } = options;
    let task: Task<unknown> | undefined;
    const endIt = (): void => {
      const mine = this.submitted.find((each) => each.task === task);
      if (mine !== undefined) this.end(mine, 'cancel');
    };
    if (typeof retries === 'object') given.retries = { ...retries, delayMs: hostile.delayOf(retries.delayMs as number, endIt) };
    const args = name === 'big' ? ['x'.repeat(Math.round(arg * 3000))] : [name === 'reports' ? Math.round(arg) : arg];
    const last = hostile.arguments(args, () => {
      if (controller !== undefined && !this.#ledger.isCalm && arg > 5) controller.abort(new Error('aborted while it was encoded'));
    });
    const all = hostile.options(given);
    try {
      task = this.#pool.run(name, last, all);
      return task;
    } catch (error) {
      if (!hostile.has('option')) this.#world.fault(`G9: run throws ${textOf(error)}`);
      this.#world.log('refused', name, nameOf(error));
      return undefined;
    }
  }

  #killTasks(action: Extract<Action, { do: 'killTasks' }>): void {
    const { tag, queued, running } = action;
    const targets: Submitted[] = [];
    for (const each of this.unsettled) {
      if (tag !== undefined && each.task.tag !== tag) continue;
      each.entry.mayBeKilled = true; // it may start in the middle of the call
      const isRunning = each.task.state === 'running';
      if (isRunning ? running : queued) targets.push(each);
    }
    const promise = this.#pool.killTasks({ queued, running, ...(tag === undefined ? {} : { tag }) });
    if (queued && running) for (const { entry } of targets) this.#ledger.ended(entry);
    this.#keep('killTasks', promise, () => {
      // With one kind only, a task may have changed its kind in the middle of the call.
      if (queued && running) for (const { entry } of targets) this.#ledger.checkEnded(entry, 'killTasks');
    });
  }

  #map(action: MapAction): void {
    const { done, cancel } = map(this.#pool, this.#world, this.#hostile, action);
    this.#keep('map', done);
    if (action.cancelAfterMs < Number.POSITIVE_INFINITY) this.#later(action.cancelAfterMs, () => this.#keep('cancel of a map', cancel()));
  }

  /** An event listener, and a callback of a promise, may call anything too. */
  #listen(which: number): void {
    const event = this.#choose(EVENTS, which) as keyof PoolEvents;
    const then = (['cancel', 'kill', 'killWorker'] as const)[Math.floor(which * 1e6) % 3] as 'cancel' | 'kill' | 'killWorker';
    this.#pool.once(event, () => {
      if (this.#ledger.isCalm) return;
      this.perform({ at: 0, do: then, which: (which * 7919) % 1 });
      this.perform({ at: 0, do: 'run', name: 'quick', arg: 0, options: {}, count: 1, withSignal: false, end: undefined });
      this.submitted.at(-1)?.task.then(
        () => this.perform({ at: 0, do: 'cancel', which }),
        () => undefined,
      );
    });
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.act(this.#world.now() + delayMs, run);
  }

  /** Mostly one that was submitted recently; the others have settled. */
  #chooseTask(which: number): Submitted | undefined {
    if (which < 0.2) return this.#choose(this.submitted, which * 5);
    return this.#choose(this.submitted.slice(-12), (which - 0.2) / 0.8);
  }

  #choose<T>(list: readonly T[], which: number): T | undefined {
    return list[Math.floor(which * list.length)];
  }

  #keep(what: string, promise: Promise<unknown>, onResolved?: () => void): void {
    const number = ++this.#promises;
    this.#open.set(number, what);
    promise.then(
      () => {
        this.#open.delete(number);
        this.#world.log('kept:', what);
        onResolved?.();
      },
      (error) => {
        this.#open.delete(number);
        this.#world.log('refused:', what, nameOf(error));
        const isOutlived = codeOf(error) === 'ERR_EVERPOOL_OUTLIVED';
        if (isOutlived && !this.#spawner.processes.some((process) => process.fate.undyingMs > 0))
          this.#world.fault(`G7: ${what}: ${(error as Error).message}`);
      },
    );
  }
}
