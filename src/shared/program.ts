/**
 * Code of the program, as the pool calls it: callbacks, listeners, getters. It may throw anything and call any method of
 * the pool. So it runs before a decision or after it, each time within one of these; and whoever calls it looks at the state again.
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

/** Calls it; what it throws becomes a warning, as nobody waits for it. So does what the promise that it gives rejects with. */
export function guarded(where: string, run: () => unknown): void {
  try {
    const value = run();
    if (isPromise(value)) apply(then, value, [undefined, (thrown: unknown) => reportThrown(where, thrown)]);
  } catch (thrown) {
    reportThrown(where, thrown);
  }
}

/** A warning of the process about what code of the program threw, and where. Never throws, whatever was thrown. */
export function reportThrown(where: string, thrown: unknown): void {
  try {
    emitWarning(warningOf(where, thrown));
  } catch {
    // The program has broken Node's own warnings: there is no other place to say it.
  }
}

/** The function, running in the async context in which it is given, whoever calls it later. */
export function inContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  // Not AsyncLocalStorage.snapshot: what that gives spreads its arguments, by whatever iterator the arrays of the program have.
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
      reportThrown('Node, after a call', thrown); // the program has replaced what Node needs to leave the context: the call has ended well
    }
    return (end as unknown as { readonly value: R }).value;
  };
}

/** Whether it is an error, of whatever class. Runs no `Symbol.hasInstance` of the program; never throws. */
export function isError(value: unknown): value is Error {
  try {
    return apply(isInstance, Error, [value]) as boolean;
  } catch {
    return false; // a proxy of the program's among its prototypes
  }
}

/** What an error says, or what else was thrown, as a text. Never throws. */
export function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  const message = typeof thrown === 'object' && thrown !== null ? safeRead(thrown, 'message') : undefined;
  return typeof message === 'string' ? message : show(thrown);
}

/** A property of something that the program made; undefined if reading it throws. */
export function safeRead(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** Not the thrown error itself: Node prints a warning later, where a getter of it that throws would be an uncaught exception. */
function warningOf(where: string, thrown: unknown): Error {
  const name = 'EverpoolListenerWarning';
  const message = textOf(thrown);
  const stack = typeof thrown === 'object' && thrown !== null ? safeRead(thrown, 'stack') : undefined;
  const warning = new Error(message, { cause: thrown });
  const line = `${name}: ${message}`;
  own(warning, 'name', name);
  own(warning, 'detail', `thrown by ${where} of an everpool`);
  own(warning, 'code', undefined); // whatever stands on the prototypes now
  own(warning, 'toString', () => line);
  try {
    own(warning, 'stack', typeof stack === 'string' ? stack : line);
  } catch {
    // V8 first asks `Error.prepareStackTrace` of the program for the stack that it had, and that threw.
  }
  return warning;
}

function own(object: object, key: string, value: unknown): void {
  defineProperty(object, key, { __proto__: null, value, writable: true, configurable: true, enumerable: false } as PropertyDescriptor);
}
