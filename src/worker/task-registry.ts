/**
 * The functions that can be called: those of the task module by the parent's name ids, those of
 * `exec` by their source.
 */
import type { TaskFunction, WorkerPlatform } from './platform.js';
import { taskFunctions } from './task-functions.js';

/**
 * Enough for every function that a program sends, and a bound for a program that generates its
 * sources.
 */
const MAX_COMPILED = 500;

/** The name id of a task without one. */
export const EXEC = -1;

export class TaskRegistry {
  readonly #platform: WorkerPlatform;
  readonly #names = new Map<number, string>();
  /** By id, which the parent counts up. Never iterated, because corrupted bytes may name any id. */
  readonly #byId: (TaskFunction | undefined)[] = [];
  readonly #compiled = new Map<string, TaskFunction>();
  #functions: Map<string, TaskFunction> = new Map();

  constructor(platform: WorkerPlatform) {
    this.#platform = platform;
  }

  get exports(): string[] {
    return [...this.#functions.keys()];
  }

  /** Sets the functions of the task module; names may have been defined before. */
  use(namespace: Record<string, unknown>): void {
    this.#functions = taskFunctions(namespace);
    for (const [id, name] of this.#names) this.define(id, name);
  }

  define(id: number, name: string): void {
    this.#names.set(id, name);
    this.#byId[id] = this.#functions.get(name);
  }

  byId(id: number): TaskFunction | undefined {
    return this.#byId[id];
  }

  nameOf(id: number): string {
    if (id === EXEC) return 'exec';
    return this.#names.get(id) ?? `#${id}`;
  }

  /** @throws SyntaxError */
  compiled(source: string): TaskFunction {
    const known = this.#compiled.get(source);
    if (known !== undefined) return known;
    const fn = this.#platform.compile(source);
    if (this.#compiled.size >= MAX_COMPILED) {
      for (const oldest of this.#compiled.keys()) {
        this.#compiled.delete(oldest);
        break;
      }
    }
    this.#compiled.set(source, fn);
    return fn;
  }
}
