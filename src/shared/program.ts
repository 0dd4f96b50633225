/**
 * Calls code of the program: callbacks, listeners, getters. It may throw anything and call any
 * method of the pool. So it runs only before or after a decision, always through these functions,
 * and the caller checks the state again afterwards.
 */
import { AsyncResource } from 'node:async_hooks';
import { types } from 'node:util';
import { show } from './show.js';

// Captured: the program may replace them.
const emitWarning: (warning: Error) => void = process.emitWarning.bind(process);
const { runInAsyncScope } = AsyncResource.prototype;
const { defineProperty } = Object;
const { isPromise } = types;
const { then } = Promise.prototype;
const { apply } = Reflect;
const isInstance: (value: unknown) => boolean = Function.prototype[Symbol.hasInstance];

/**
 * Calls `run` and turns an error, also of a promise that it returns, into a warning, because nobody
 * awaits it.
 */
export function guarded(where: string, run: () => unknown): void {
  try {
    const value = run();
    if (isPromise(value)) apply(then, value, [undefined, (thrown: unknown) => reportThrown(where, thrown)]);
  } catch (thrown) {
    reportThrown(where, thrown);
  }
}

/**
 * Emits a warning of the process about an error of the program's code. Never throws, whatever was
 * thrown.
 */
export function reportThrown(where: string, thrown: unknown): void {
  try {
    emitWarning(warningOf(where, thrown));
  } catch {
    // The program has broken Node's own warnings: there is no other place to report to.
  }
}

/** Binds a function to the current async context. */
export function inContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  // Not AsyncLocalStorage.snapshot: its function spreads the arguments, with the program's own
  // array iterator.
  const context = new AsyncResource('everpool');
  return (...args) => {
    let end: { readonly value: R } | undefined;
    const run = (): void => {
      end = { value: fn(...args) };
    };
    try {
      apply(runInAsyncScope, context, [run]);
    } catch (thrown) {
      if (end === undefined) throw thrown;
      reportThrown('Node, after a call', thrown); // the call succeeded, but the program has replaced what Node needs to leave the context
    }
    return (end as unknown as { readonly value: R }).value;
  };
}

/**
 * Whether a value is an error of any class. Runs no `Symbol.hasInstance` of the program; never
 * throws.
 */
export function isError(value: unknown): value is Error {
  try {
    return apply(isInstance, Error, [value]) as boolean;
  } catch {
    return false; // one of its prototypes is a Proxy
  }
}

/** The message of an error, or a description of any other value that was thrown. Never throws. */
export function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  const message = typeof thrown === 'object' && thrown !== null ? safeRead(thrown, 'message') : undefined;
  return typeof message === 'string' ? message : show(thrown);
}

/**
 * The reason of an ending, to append to a message. The reason comes from the user and may be
 * anything.
 */
export function because(reason: unknown): string {
  if (reason === undefined) return '';
  if (typeof reason === 'string') return `: ${reason}`;
  const message = isError(reason) ? safeRead(reason, 'message') : undefined;
  return `: ${typeof message === 'string' ? message : show(reason)}`;
}

/** A property of an object of the program; undefined if reading it throws. */
export function safeRead(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/**
 * Not the thrown error itself: Node prints a warning later, when a getter that throws would be an
 * uncaught exception.
 */
function warningOf(where: string, thrown: unknown): Error {
  const name = 'EverpoolListenerWarning';
  const message = textOf(thrown);
  const stack = typeof thrown === 'object' && thrown !== null ? safeRead(thrown, 'stack') : undefined;
  const warning = new Error(message, { cause: thrown });
  const line = `${name}: ${message}`;
  own(warning, 'name', name);
  own(warning, 'detail', `thrown by ${where} of an everpool`);
  own(warning, 'code', undefined); // hides a property of a changed prototype
  own(warning, 'toString', () => line);
  try {
    own(warning, 'stack', typeof stack === 'string' ? stack : line);
  } catch {
    // V8 first calls the program's `Error.prepareStackTrace` for the old stack, and that threw.
  }
  return warning;
}

function own(object: object, key: string, value: unknown): void {
  defineProperty(object, key, { __proto__: null, value, writable: true, configurable: true, enumerable: false } as PropertyDescriptor);
}
