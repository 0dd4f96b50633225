/**
 * The program's own code, wherever the pool calls it. It throws anything, and calls any method of
 * the pool, even one that ends the pool, in the middle of what the pool does.
 */
import type { Random } from '../../src/testing/random.js';
import type { Action, Ending } from './action.js';
import { textOf } from './text.js';
import type { World } from './world.js';

export const PLACES = [
  'onProgress',
  'delayMs',
  'listener',
  'abort listener',
  'argument',
  'iterator',
  'option',
  'workerData',
  'stack',
  'reason',
] as const;
export type Place = (typeof PLACES)[number];

export interface Hostility {
  readonly places: readonly Place[];
  /** The probability that it acts where it could. */
  readonly chance: number;
  /** Whether it may end the pool. */
  readonly mayEnd: boolean;
}

/** The user, through whom it acts, and who keeps account of it. */
export interface Accomplice {
  readonly isFinishing: boolean;
  perform(action: Action): void;
  finish(ending: Ending): void;
}

const ENDINGS: readonly Ending[] = ['close', 'close and cancel', 'terminate', 'kill', 'close, terminate', 'terminate, kill'];

export class Hostile {
  /** The number of times it acted. */
  calls = 0;
  accomplice: Accomplice | undefined;
  /** From now on it is harmless. */
  isCalm = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #hostility: Hostility;
  #isBusy = false;

  constructor(world: World, random: Random, hostility: Hostility) {
    this.#world = world;
    this.#random = random;
    this.#hostility = hostility;
  }

  has(place: Place): boolean {
    return this.#hostility.places.includes(place);
  }

  /** Runs the program's code of that place. @throws anything, unless it may not */
  at(place: Place, mayThrow = true): void {
    if (this.#isBusy || this.isCalm || this.accomplice === undefined || !this.#world.isParentsTurn || !this.has(place)) return;
    if (!this.#random.chance(this.#hostility.chance)) return;
    this.calls += 1;
    this.#world.log('hostile:', place);
    this.#isBusy = true;
    try {
      if (!mayThrow || this.#random.chance(0.6)) this.#act(this.accomplice);
    } finally {
      this.#isBusy = false;
    }
    if (mayThrow && this.#random.chance(0.5)) throw this.oddValue();
  }

  #act(user: Accomplice): void {
    const random = this.#random;
    if (this.#hostility.mayEnd && !user.isFinishing && random.chance(0.25)) {
      user.finish(random.pick(ENDINGS));
      return;
    }
    const action = this.#drawn();
    try {
      user.perform(action);
    } catch (error) {
      this.#world.fault(`G9: ${action.do}, called in the middle of something, throws ${textOf(error)}`);
    }
  }

  #drawn(): Action {
    const random = this.#random;
    const which = random.next();
    switch (random.integer(0, 10)) {
      case 0:
      case 1:
        return { at: 0, do: 'cancel', which };
      case 2:
      case 3:
        return { at: 0, do: 'kill', which };
      case 4:
        return { at: 0, do: 'killWorker', which };
      case 5:
        return { at: 0, do: 'abort', which };
      case 6:
        return { at: 0, do: 'killTasks', tag: random.pick([undefined, 'a']), queued: true, running: random.chance(0.5) };
      case 7: {
        const max = random.integer(1, 4);
        return { at: 0, do: 'resize', max, min: random.integer(0, max) };
      }
      case 8:
        return { at: 0, do: 'restart', rolling: random.chance(0.5) };
      case 9:
        return { at: 0, do: random.pick(['pause', 'resume', 'revive'] as const) };
      default:
        return { at: 0, do: 'run', name: 'quick', arg: 0, options: {}, count: 1, withSignal: false, end: undefined };
    }
  }

  oddValue(): unknown {
    const random = this.#random;
    const fail = (): never => {
      throw Object.create(null);
    };
    const made: readonly (() => unknown)[] = [
      () => undefined,
      () => null,
      () => Object.create(null),
      () => Object.freeze(new Error('frozen')),
      () => new Proxy({}, { get: fail, getPrototypeOf: fail, has: fail, ownKeys: fail }),
      () => new Proxy(new Error('behind a proxy'), { get: fail, getPrototypeOf: fail }),
      () => ({ toString: fail, [Symbol.toPrimitive]: fail }),
      () => Object.defineProperty(new Error('unread'), 'message', { get: fail }),
      () => Object.defineProperty(new Error('without a stack'), 'stack', { get: fail }),
      () => Symbol('odd'),
      () => new RangeError('as usual'),
    ];
    return random.pick(made)();
  }

  // ---- values that the pool reads

  /** The arguments and one more, which only the encoder reads. */
  arguments(args: unknown[], also?: () => void): unknown[] {
    return this.has('argument') ? [...args, this.#trap('argument', also)] : args;
  }

  /** The reason of a cancel, or of an abort. */
  reason(): unknown {
    if (!this.has('reason')) return undefined;
    const said = (): string => {
      this.at('reason');
      return 'a reason';
    };
    return this.#random.chance(0.5)
      ? Object.defineProperty(new Error('unread'), 'message', { get: said, enumerable: true })
      : { toString: said, [Symbol.toPrimitive]: said, toJSON: said, ...{ [Symbol.toStringTag]: 'Reason' } };
  }

  options<O extends object>(options: O): O {
    if (!this.has('option')) return options;
    return Object.defineProperty({ ...options }, 'softTimeoutMs', {
      enumerable: true,
      get: () => {
        this.at('option');
        return (options as { softTimeoutMs?: number }).softTimeoutMs;
      },
    });
  }

  /** `also`: something that it does too, such as ending the task itself. */
  delayOf(delayMs: number, also: () => void): number | (() => number) {
    if (!this.has('delayMs')) return delayMs;
    return () => {
      if (!this.isCalm && this.#random.chance(0.1)) also();
      this.at('delayMs');
      return this.#random.chance(0.1) ? (this.#random.pick([Number.NaN, -1, 'soon', {}, Number.POSITIVE_INFINITY]) as number) : delayMs;
    };
  }

  /** The input of a map, through an iterator of the program's own. */
  items(items: () => Iterator<unknown>): Iterable<unknown> | AsyncIterable<unknown> {
    if (!this.has('iterator') && !this.has('argument')) return { [Symbol.iterator]: items } as Iterable<unknown>;
    const step = (result: IteratorResult<unknown>): IteratorResult<unknown> => {
      this.at('iterator');
      const value = result.done !== true && this.has('argument') ? this.#trap('argument') : result.value;
      return Object.defineProperty({ done: result.done, value: undefined }, 'value', {
        get: () => {
          this.at('iterator');
          return value;
        },
      }) as IteratorResult<unknown>;
    };
    const make = (): Iterator<unknown> => {
      this.at('iterator');
      const inner = items();
      return {
        next: () => step(inner.next()),
        return: () => {
          this.at('iterator');
          return { done: true, value: undefined };
        },
      };
    };
    if (this.#random.chance(0.5)) return { [Symbol.iterator]: make } as Iterable<unknown>;
    const makeAsync = (): AsyncIterator<unknown> => {
      const inner = make();
      return { next: async () => inner.next(), return: async () => inner.return?.() as IteratorResult<unknown> };
    };
    return { [Symbol.asyncIterator]: makeAsync } as AsyncIterable<unknown>;
  }

  workerData(): unknown {
    return this.has('workerData') ? this.#trap('workerData') : undefined;
  }

  #trap(place: Place, also?: () => void): object {
    const trap = { item: 1 };
    return Object.defineProperty(trap, 'trap', {
      enumerable: true,
      get: () => {
        also?.();
        this.at(place);
        return 1;
      },
    });
  }

  /**
   * Sets `Error.prepareStackTrace` for the whole process, and returns a function that takes it
   * back.
   */
  replaceStacks(): () => void {
    const before = Error.prepareStackTrace;
    if (!this.has('stack')) return () => undefined;
    Error.prepareStackTrace = (error, sites) => {
      if (this.isCalm || !this.#world.isParentsTurn) return String(error);
      this.at('stack');
      return this.#random.pick([sites, undefined, Object.create(null), 'a text'] as const);
    };
    return () => {
      if (before === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
      else Error.prepareStackTrace = before;
    };
  }
}
