/**
 * How a task ended, as the store keeps it: the return value of a completed job, or the reason of a
 * failed one, which is a readable line for dashboards and the same record behind it.
 */
import { createHash } from 'node:crypto';
import type { Seals } from './seal.js';

/**
 * `value`: it succeeded. `thrown`: the task itself threw. `error`: an error of the pool or of the
 * host (shared/errors.ts). `cancelled`: it was ended on request.
 */
export type OutcomeKind = 'value' | 'thrown' | 'error' | 'cancelled';

export interface WiredOutcome {
  readonly kind: OutcomeKind;
  /** The encoded value or error (text.ts); undefined while it lies in pieces. */
  readonly text: string | undefined;
  /** Of the pieces, if the text is longer than `inlineLimit`: the rows of the job's log. */
  readonly pieces: Pieces | undefined;
  /** The started attempts, of all hosts. */
  readonly attempts: number;
  /** Milliseconds of the last attempt. */
  readonly ms: number;
  /** The host that reports it. */
  readonly host: string;
}

export interface Pieces {
  /** Of the attempt, so that rows of another one are not mixed in. */
  readonly key: string;
  readonly count: number;
  /** SHA-256 of the whole text. */
  readonly digest: string;
}

const PIECE_CHARS = 1_048_576;

/** @returns the rows of the log, and what the outcome says of them */
export function cut(key: string, text: string): { rows: string[]; pieces: Pieces } {
  const rows: string[] = [];
  for (let at = 0; at < text.length; at += PIECE_CHARS) rows.push(`${key}:${rows.length}:${text.slice(at, at + PIECE_CHARS)}`);
  return { rows, pieces: { key, count: rows.length, digest: digestOf(text) } };
}

/** @returns undefined if a piece is missing, or is not what was reported */
export function join(rows: readonly string[], { key, count, digest }: Pieces): string | undefined {
  const parts: string[] = [];
  for (const row of rows) {
    const match = /^([^:]*):(\d{1,6}):/.exec(row);
    if (match !== null && match[1] === key) parts[Number(match[2])] = row.slice(match[0].length);
  }
  if (parts.length !== count) return undefined;
  let text = '';
  for (let at = 0; at < count; at += 1) {
    const part = parts[at];
    if (part === undefined) return undefined;
    text += part;
  }
  return digestOf(text) === digest ? text : undefined;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** The short names are in each event, which every client reads. */
interface Wired {
  readonly k: OutcomeKind;
  readonly t?: string;
  readonly p?: readonly [key: string, count: number, digest: string];
  readonly n: number;
  readonly m: number;
  readonly h: string;
  readonly s: string;
}

export function writeOutcome(id: string, outcome: WiredOutcome, seals: Seals): string {
  const { kind, text, pieces, attempts, ms, host } = outcome;
  const record: Wired = {
    k: kind,
    ...(text === undefined ? {} : { t: text }),
    ...(pieces === undefined ? {} : { p: [pieces.key, pieces.count, pieces.digest] as const }),
    n: attempts,
    m: Math.round(ms * 1000) / 1000,
    h: host,
    s: '',
  };
  return JSON.stringify({ ...record, s: seals.sign('outcome', sealed(id, record)) });
}

function sealed(id: string, { k, t, p, n, m, h }: Wired): string[] {
  return [id, k, t ?? '', p === undefined ? '' : p.join(':'), String(n), String(m), h];
}

/** The `failedReason` of a job: a readable line, and the outcome behind it. */
export function writeReason(line: string, outcome: string): string {
  const readable = line.replace(/\p{Cc}+/gu, ' ').slice(0, 300);
  return `${readable}\n${outcome}`;
}

/** @returns undefined if it is none, or not sealed with a valid secret */
export function readReason(id: string, reason: unknown, seals: Seals): WiredOutcome | undefined {
  if (typeof reason !== 'string') return undefined;
  return readOutcome(id, reason.slice(reason.indexOf('\n') + 1), seals);
}

/** @returns undefined if it is none, or not sealed with a valid secret */
export function readOutcome(id: string, record: unknown, seals: Seals): WiredOutcome | undefined {
  if (typeof record !== 'string') return undefined;
  let read: unknown;
  try {
    read = JSON.parse(record);
  } catch {
    return undefined;
  }
  if (!isRecord(read) || !seals.holds(read.s, 'outcome', sealed(id, read))) return undefined;
  const { k, t, p, n, m, h } = read;
  return { kind: k, text: t, pieces: p === undefined ? undefined : { key: p[0], count: p[1], digest: p[2] }, attempts: n, ms: m, host: h };
}

function isRecord(value: unknown): value is Wired {
  if (typeof value !== 'object' || value === null) return false;
  const { k, t, p, n, m, h } = value as Partial<Wired>;
  const isPieces = Array.isArray(p) && p.length === 3 && typeof p[0] === 'string' && Number.isSafeInteger(p[1]) && typeof p[2] === 'string';
  return (
    (k === 'value' || k === 'thrown' || k === 'error' || k === 'cancelled') &&
    (t === undefined ? isPieces : typeof t === 'string' && p === undefined) &&
    Number.isSafeInteger(n) &&
    typeof m === 'number' &&
    typeof h === 'string'
  );
}
