/** What a taken task ends with, and the report of it (wire/outcome.ts). */
import { describe, type Encoded, encode } from '../../ipc/codec/codec.js';
import { type EverpoolError, SerializationError } from '../../shared/errors.js';
import { textOf } from '../../shared/program.js';
import type { Report } from '../store/types.js';
import { cut, type OutcomeKind, type WiredOutcome, writeOutcome, writeReason } from '../wire/outcome.js';
import type { Seals } from '../wire/seal.js';
import { toText } from '../wire/text.js';

export interface Result {
  readonly kind: OutcomeKind;
  /** The encoded value or error. */
  readonly text: string;
  /** For dashboards, of what is no value. */
  readonly line: string;
}

/** @param about the task, as errors name it */
export function valueResult(about: string, value: Encoded, payloadLimit: number): Result {
  return bounded(about, { kind: 'value', text: toText(value), line: '' }, 'result', payloadLimit);
}

/** What a thrown error may always take: it says more than that it was too large. */
const LEAST_ERROR_LIMIT = 65_536;

/** Of what the task threw, unread. */
export function thrownResult(about: string, thrown: Encoded, payloadLimit: number): Result {
  return bounded(
    about,
    { kind: 'thrown', text: toText(thrown), line: `${about} threw` },
    'error',
    Math.max(payloadLimit, LEAST_ERROR_LIMIT),
  );
}

/** Of an error of the pool or of the host, none of which is large. */
export function errorResult(kind: 'error' | 'cancelled', error: unknown): Result {
  return { kind, text: errorText(error), line: textOf(error) };
}

function bounded(about: string, result: Result, side: 'result' | 'error', payloadLimit: number): Result {
  const { length } = result.text;
  if (length <= payloadLimit) return result;
  const why = `takes ${length} bytes, more than payloadLimit (${payloadLimit})`;
  return errorResult('error', new SerializationError(`${about}: its ${side} ${why}`, { side }));
}

function errorText(error: unknown): string {
  try {
    return toText(encode(error));
  } catch (cause) {
    // The reason of a cancel, for example, came from elsewhere, and may refuse to travel again.
    const { code } = error as Partial<EverpoolError>;
    const plain = new Error(`${textOf(error)} (its details cannot be sent: ${describe(cause)})`);
    return toText(encode(code === undefined ? plain : Object.assign(plain, { code })));
  }
}

// ---- the report

export interface Facts extends Pick<WiredOutcome, 'attempts' | 'ms' | 'host'> {
  readonly id: string;
  /** The number of the attempt: the rows of another one have another. */
  readonly attempt: number;
}

/** The report, and the rows that have to be written before it. */
export function endReport(
  { kind, text, line }: Result,
  facts: Facts,
  inlineLimit: number,
  seals: Seals,
): { rows: string[]; report: Report } {
  const { id, attempt, attempts, ms, host } = facts;
  const isInline = text.length <= inlineLimit;
  const { rows, pieces } = isInline ? { rows: [], pieces: undefined } : cut(String(attempt), text);
  const outcome = writeOutcome(id, { kind, text: isInline ? text : undefined, pieces, attempts, ms, host }, seals);
  const report: Report = kind === 'value' ? { kind: 'completed', outcome } : { kind: 'failed', reason: writeReason(line, outcome) };
  return { rows, report };
}
