/**
 * What both sides do, where the order or a detail of it matters. A wrong order replaces one rule.
 */
import type { Call, Parent } from './handshake.js';

/** The numbers of a recall, lowest first. */
interface Recalled {
  readonly unclaimed: readonly number[];
  readonly offeredAgain: readonly number[];
  readonly last: number;
}

export interface Rules {
  readonly concurrency: number;

  // ---- the parent
  readonly flush: readonly Call[];
  readonly recall: readonly Call[];
  readonly kill: readonly Call[];
  readonly atDeath: readonly Call[];
  /** A dead worker's messages are read before it is buried. */
  readonly readsAllOfDead: boolean;
  /** The number of the attempts offered last that have not started. */
  readonly countUnclaimed: (read: number, parent: Parent) => number;
  /** What was not written to the file cannot have started. */
  readonly isPendingUnclaimed: boolean;
  /** What a full file system did not take is still to be written. */
  readonly remembersUnwritten: boolean;
  /** A read without a position moves the offset, so the worker cannot read the record any more. */
  readonly takesRecords: boolean;
  readonly sendsRecalled: (hasRead: boolean) => boolean;
  readonly recalledGoesLast: boolean;
  /** The worker forgets what is queued above this number. */
  readonly keepOf: (open: readonly number[], recalled: Recalled) => number;
  readonly offersInOrder: (seqs: number[]) => number[];
  /** Kills for a task although a later one has started. */
  readonly killsPastLater: boolean;
  /** More attempts that have started than places are a theft, once all answers were read. */
  readonly checksPlaces: boolean;
  /** An open attempt was dropped: a theft. */
  readonly believesDropped: boolean;
  readonly isTheft: (seen: number, sent: number) => boolean;
  readonly redispatched: (tasks: number[], queue: number[]) => number[];

  // ---- the worker
  readonly repliesFirst: boolean;
  readonly startsWhatItClaimed: boolean;
  readonly dropsFramesBelowClaimed: boolean;
  readonly wakesWhenRecalled: boolean;
}

export const RIGHT: Rules = {
  concurrency: 1,
  flush: ['write offers', 'write frames'],
  recall: ['recall'],
  kill: ['recall', 'kill'],
  atDeath: ['recall', 'bury'],
  readsAllOfDead: true,
  countUnclaimed: (read) => read,
  isPendingUnclaimed: true,
  remembersUnwritten: true,
  takesRecords: true,
  sendsRecalled: () => true,
  recalledGoesLast: true,
  keepOf: (open) => open.at(-1) ?? 0,
  offersInOrder: (seqs) => seqs,
  killsPastLater: false,
  checksPlaces: true,
  believesDropped: true,
  isTheft: (seen, sent) => seen >= sent,
  redispatched: (tasks, queue) => [...tasks, ...queue],
  repliesFirst: true,
  startsWhatItClaimed: true,
  dropsFramesBelowClaimed: true,
  wakesWhenRecalled: true,
};
