/**
 * AbortSignals as the pool uses them. Whatever the program gives becomes a real one while its options are checked; of a real one
 * everything is read past what the program may have put on it. So no code of the program runs when the pool listens to a signal.
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

/** The real one in place of one of another realm, or of a polyfill. */
const adopted = new WeakMap<object, AbortSignal>();

function getterOf(key: 'aborted' | 'reason'): () => unknown {
  const get = Object.getOwnPropertyDescriptor(AbortSignal.prototype, key)?.get;
  return get ?? (() => undefined);
}

/** A real AbortSignal that fires with the given one; undefined if that is none, not even by its shape. */
export function signalOf(value: unknown): AbortSignal | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isReal(value)) return value;
  const known = adopted.get(value);
  if (known !== undefined) return known;
  try {
    return adopt(value);
  } catch {
    return undefined; // code of the program that throws
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
    return undefined; // Node's own then stands in for it
  }
}

export function isAborted(signal: AbortSignal): boolean {
  return apply(readAborted, signal, []) as boolean;
}

export function reasonOf(signal: AbortSignal): unknown {
  return apply(readReason, signal, []);
}

/** Calls it once, when the signal fires. */
export function onAbort(signal: AbortSignal, listener: () => void): void {
  apply(addEventListener, signal, ['abort', listener, ONCE]);
}

export function offAbort(signal: AbortSignal, listener: () => void): void {
  apply(removeEventListener, signal, ['abort', listener]);
}

/** Fires with the first of the two. */
export function eitherOf(one: AbortSignal, other: AbortSignal): AbortSignal {
  if (any !== undefined) return any([one, other]);
  const controller = new Controller();
  for (const signal of [one, other]) {
    if (isAborted(signal)) controller.abort(reasonOf(signal));
    else onAbort(signal, () => controller.abort(reasonOf(signal)));
  }
  return controller.signal;
}
