/**
 * States and their transitions. Each kind of object has one table of transitions, one field
 * `state`, and one method that changes it.
 *
 * A step that the table does not allow is a bug in everpool. The error names the step and the last
 * steps of the whole pool. `NODE_DEBUG=everpool` prints every step on stderr.
 */
import { debuglog } from 'node:util';
import { EverpoolError } from './errors.js';

/** The states that may follow each state. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/** The number of each allowed step, unique among all kinds of objects. */
export type Steps<State extends string> = Readonly<Record<State, Readonly<Partial<Record<State, number>>>>>;

/** The upper limit of the step numbers: `id * STEP_LIMIT + step` names an object and its step. */
export const STEP_LIMIT = 256;
/** A story remembers one step more than this: a power of two. */
export const STORY_MASK = 63;

const texts: ((id: number) => string)[] = [];
const debug: { (text: string): void; readonly enabled: boolean } = debuglog('everpool');

/** Numbers the steps of a table. @param kind how the object is named in texts, such as `task` */
export function stepsOf<State extends string>(kind: string, table: Transitions<State>): Steps<State> {
  const steps = {} as Record<State, Partial<Record<State, number>>>;
  for (const from of Object.keys(table) as State[]) {
    steps[from] = {};
    for (const to of table[from]) {
      steps[from][to] = texts.length;
      texts.push((id) => `${kind} ${id}: ${from} → ${to}`);
    }
  }
  if (texts.length > STEP_LIMIT) throw new Error(`${texts.length} kinds of steps, more than ${STEP_LIMIT}`);
  return steps;
}

/** The last steps of one pool. A ring of numbers: nothing is allocated for a step. */
export class Story {
  readonly pool: string;
  readonly isPrinted: boolean = debug.enabled;
  /** TaskRecord and Lease also write here: a call per step would cost every task. */
  readonly steps: Float64Array = new Float64Array(STORY_MASK + 1);
  count = 0;

  constructor(pool: string) {
    this.pool = pool;
  }

  /** Remembers a step. @throws EverpoolError (ERR_EVERPOOL_INTERNAL) if there is no such step */
  take<State extends string>(kind: string, steps: Steps<State>, id: number, from: State, to: State): void {
    const step = steps[from][to];
    if (step === undefined) throw this.impossible(`${kind} ${id} is ${from}: it cannot become ${to}`);
    this.steps[this.count++ & STORY_MASK] = id * STEP_LIMIT + step;
    if (this.isPrinted) this.print();
  }

  /** Prints the last step, after it was remembered. */
  print(): void {
    debug(`${this.pool}: ${textOf(this.steps[(this.count - 1) & STORY_MASK] as number)}`);
  }

  /** Prints a line that is not a step, such as how a worker died. */
  say(text: () => string): void {
    if (this.isPrinted) debug(`${this.pool}: ${text()}`);
  }

  /** The error for a step that cannot happen. */
  impossible(text: string): EverpoolError {
    return new EverpoolError(`${text}. This is a fault of everpool; please report it.${this.toString()}`, 'ERR_EVERPOOL_INTERNAL');
  }

  /** Returns the last steps, the latest last. */
  toString(): string {
    const first = Math.max(0, this.count - STORY_MASK - 1);
    const lines: string[] = [];
    for (let at = first; at < this.count; at += 1) lines.push(`\n  ${textOf(this.steps[at & STORY_MASK] as number)}`);
    return lines.length === 0 ? '' : `\nThe last steps of the pool:${lines.join('')}`;
  }
}

function textOf(entry: number): string {
  const id = Math.floor(entry / STEP_LIMIT);
  return texts[entry - id * STEP_LIMIT]?.(id) ?? '';
}
