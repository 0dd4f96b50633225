/**
 * AbortSignals. Checking the options turns a signal of another realm, or of a polyfill, into a real
 * one, and a real one is only read with the built-in getters and methods. So no code of the program
 * runs when the pool listens to a signal.
 */
import { types } from 'node:util';

// Captured: the program may replace them.
const { apply } = Reflect;
const { isProxy } = types;
const Controller: typeof AbortController = AbortController;
const any: ((signals: AbortSignal[]) => AbortSignal) | undefined = AbortSignal.any?.bind(AbortSignal);
const { addEventListener, removeEventListener } = EventTarget.prototype;
const toStringTag = Object.prototype.toString;
const readAborted = getterOf('aborted');
const readReason = getterOf('reason');
const ONCE = { once: true } as const;

/** The real signal for one of another realm, or of a polyfill. */
const adopted = new WeakMap<object, AbortSignal>();

function getterOf(key: 'aborted' | 'reason'): () => unknown {
  const get = Object.getOwnPropertyDescriptor(AbortSignal.prototype, key)?.get;
  return get ?? (() => undefined);
}

/**
 * A real AbortSignal that fires with the given one; undefined if the value does not even look like
 * a signal.
 */
export function signalOf(value: unknown): AbortSignal | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isReal(value)) return value;
  const known = adopted.get(value);
  if (known !== undefined) return known;
  try {
    return adopt(value);
  } catch {
    return undefined; // code of the program threw
  }
}

function isReal(value: object): value is AbortSignal {
  try {
    return !isProxy(value) && typeof apply(readAborted, value, []) === 'boolean';
  } catch {
    return false;
  }
}

function adopt(value: object): AbortSignal | undefined {
  if (apply(toStringTag, value, []) !== '[object AbortSignal]') return undefined;
  const signal = value as AbortSignal;
  const { aborted } = signal;
  if (typeof aborted !== 'boolean' || typeof signal.addEventListener !== 'function') return undefined;
  const controller = new Controller();
  const abort = (): void => controller.abort(safeReason(signal));
  if (aborted) abort();
  else signal.addEventListener('abort', abort, ONCE);
  adopted.set(value, controller.signal);
  return controller.signal;
}

function safeReason(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch {
    return undefined; // then the signal gets Node's default reason
  }
}

export function isAborted(signal: AbortSignal): boolean {
  return apply(readAborted, signal, []) as boolean;
}

export function reasonOf(signal: AbortSignal): unknown {
  return apply(readReason, signal, []);
}

/** Calls the listener once, when the signal fires. */
export function onAbort(signal: AbortSignal, listener: () => void): void {
  apply(addEventListener, signal, ['abort', listener, ONCE]);
}

export function offAbort(signal: AbortSignal, listener: () => void): void {
  apply(removeEventListener, signal, ['abort', listener]);
}

/** A signal that fires with the first of the two. */
export function eitherOf(one: AbortSignal, other: AbortSignal): AbortSignal {
  if (any !== undefined) return any([one, other]);
  const controller = new Controller();
  for (const signal of [one, other]) {
    if (isAborted(signal)) controller.abort(reasonOf(signal));
    else onAbort(signal, () => controller.abort(reasonOf(signal)));
  }
  return controller.signal;
}
