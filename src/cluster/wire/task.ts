/**
 * A task in the store: the data of its job. Everything in it is text, because PostgreSQL reorders
 * the keys of objects and refuses NUL. What a host reads may be anything: `readTask` checks it.
 */
import { OptionsError } from '../../shared/errors.js';
import type { Seals } from './seal.js';

/** Of the format. A host refuses any other. */
const WIRE_VERSION = 1;

/** A sealed task that is older is refused, because somebody may have replayed it. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

export interface TaskHead {
  readonly name: string;
  readonly tag?: string;
  /** When it was submitted: milliseconds since the Unix epoch. */
  readonly at: number;
  /** The id of its client. */
  readonly client: string;
  readonly timeoutMs?: number;
  readonly softTimeoutMs?: number;
  readonly queueTimeoutMs?: number;
  readonly retries: { readonly crash: number; readonly timeout: number; readonly error: number };
  /** Before each retry: the first failure's, the second's …; the last one for all further. */
  readonly delaysMs: readonly number[];
  /** The client has an `onProgress`. */
  readonly wantsProgress?: boolean;
}

/** The failures of a task so far, of all hosts; those of silent hosts are counted by the store. */
export interface Past {
  readonly crash: number;
  readonly timeout: number;
  readonly error: number;
}
export const NO_PAST: Past = { crash: 0, timeout: 0, error: 0 };

/** The data of the job. */
export interface TaskData {
  readonly v: number;
  readonly head: string;
  readonly args: string;
  readonly seal: string;
  /** `crash,timeout,error`; absent before the first failure. */
  readonly past?: string;
  readonly pastSeal?: string;
}

export function writeTask(id: string, head: TaskHead, args: string, seals: Seals): TaskData {
  const text = JSON.stringify(head);
  return { v: WIRE_VERSION, head: text, args, seal: seals.sign('task', [id, String(WIRE_VERSION), text, args]) };
}

export function withPast(id: string, data: TaskData, { crash, timeout, error }: Past, seals: Seals): TaskData {
  const past = `${crash},${timeout},${error}`;
  return { ...data, past, pastSeal: seals.sign('past', [id, past]) };
}

export interface ReadTask {
  readonly head: TaskHead;
  /** The encoded list of arguments (text.ts), unread. */
  readonly args: string;
  readonly past: Past;
}

/**
 * Checks the shape, the version, the seal and the age.
 * @param now milliseconds since the Unix epoch
 * @throws OptionsError that says what is wrong with it
 */
export function readTask(id: string, data: unknown, seals: Seals, now: number): ReadTask {
  const { v, head, args, seal, past, pastSeal } = fields(data);
  if (v !== WIRE_VERSION) throw refused(`its format is ${show(v)}, and this host reads ${WIRE_VERSION}`);
  if (typeof head !== 'string' || typeof args !== 'string') throw refused('it has no head or no arguments');
  if (!seals.holds(seal, 'task', [id, String(v), head, args]))
    throw refused('it has no valid seal; its client needs a secret of this host');
  const parsed = readHead(head);
  if (seals.isOn && Math.abs(now - parsed.at) > MAX_AGE_MS) throw refused('it is older than a day, so it may be a replay');
  return { head: parsed, args, past: readPast(id, past, pastSeal, seals) };
}

/** True if its client has a secret, which is none of these. */
export function isSealedByOthers(id: string, data: unknown, seals: Seals): boolean {
  const { v, head, args, seal } = fields(data);
  if (typeof seal !== 'string' || seal === '') return false;
  return !seals.isOn || !seals.holds(seal, 'task', [id, String(v), String(head), String(args)]);
}

function readHead(text: string): TaskHead {
  const head = fields(parse(text));
  const retries = fields(head['retries']);
  const delays: unknown = head['delaysMs'];
  if (typeof head['name'] !== 'string') throw refused('it has no name');
  return {
    name: head['name'],
    ...(typeof head['tag'] === 'string' ? { tag: head['tag'] } : {}),
    at: number(head['at'], 'at'),
    client: typeof head['client'] === 'string' ? head['client'] : '',
    ...optional(head, 'timeoutMs'),
    ...optional(head, 'softTimeoutMs'),
    ...optional(head, 'queueTimeoutMs'),
    retries: { crash: count(retries['crash']), timeout: count(retries['timeout']), error: count(retries['error']) },
    delaysMs: Array.isArray(delays) ? delays.slice(0, 1000).map((each) => number(each, 'delaysMs')) : [],
    wantsProgress: head['wantsProgress'] === true,
  };
}

function readPast(id: string, past: unknown, seal: unknown, seals: Seals): Past {
  if (past === undefined || past === null) return NO_PAST;
  const match = typeof past === 'string' ? /^(\d{1,9}),(\d{1,9}),(\d{1,9})$/.exec(past) : null;
  if (match === null || !seals.holds(seal, 'past', [id, past as string])) throw refused('the record of its failures is not valid');
  return { crash: Number(match[1]), timeout: Number(match[2]), error: Number(match[3]) };
}

function optional(head: Readonly<Record<string, unknown>>, key: 'timeoutMs' | 'softTimeoutMs' | 'queueTimeoutMs'): Record<string, number> {
  return head[key] === undefined ? {} : { [key]: number(head[key], key) };
}

function number(value: unknown, key: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw refused(`its ${key} is ${show(value)}`);
  return value;
}

function count(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? Math.min(value as number, 1_000_000) : 0;
}

/** The own properties of an object; nothing is inherited, and nothing is merged. */
function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return Object.create(null) as Record<string, unknown>;
  return { __proto__: null, ...value } as unknown as Record<string, unknown>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refused('its head is not JSON', cause);
  }
}

function refused(why: string, cause?: unknown): OptionsError {
  return new OptionsError(`the host refuses this task: ${why}`, cause === undefined ? undefined : { cause });
}

function show(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 40) : typeof value;
}
