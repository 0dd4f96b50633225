/**
 * Restart intensity: when the next worker may be spawned, and when to give up (G10).
 *
 * Pure functions over an immutable state, like the restart window of OTP's supervisor.
 * restart-policy.ts decides which deaths are charged; this file counts them.
 *
 * Spawns and charged deaths share one sequence of ordinals, so "spawned after the last charged
 * death" is well defined even when both fall into the same millisecond.
 */

/**
 * More than `intensity` charged deaths break the pool. At most `intensity + 1` spawns begin in any
 * `periodMs`.
 */
export interface RestartRule {
  readonly intensity: number;
  readonly periodMs: number;
}

export interface RestartState {
  /**
   * The times of the charged deaths since the last proof, the latest last; only those that matter.
   */
  readonly chargedAt: readonly number[];
  /** The ordinals of the first and the last of them. */
  readonly firstCharged: number;
  readonly lastCharged: number;
  /** The times of the spawns since the first charged death, within `periodMs`, the latest last. */
  readonly spawnedAt: readonly number[];
}

/** No charged death since the last proof. */
export const calm: RestartState = Object.freeze({ chargedAt: [], firstCharged: 0, lastCharged: 0, spawnedAt: [] });

function isCalm(state: RestartState): boolean {
  return state.chargedAt.length === 0;
}

/** Counts a charged death (restart-policy.ts). */
export function charge(state: RestartState, rule: RestartRule, now: number, ordinal: number): RestartState {
  return {
    chargedAt: [...state.chargedAt, now].slice(-(rule.intensity + 1)),
    firstCharged: isCalm(state) ? ordinal : state.firstCharged,
    lastCharged: ordinal,
    spawnedAt: state.spawnedAt,
  };
}

/**
 * Whether the pool must break: more than `intensity` charged deaths in a row without a proof
 * between them, however slow. A proof clears the count, so deaths within `periodMs` need no rule of
 * their own.
 */
export function isExceeded(state: RestartState, rule: RestartRule): boolean {
  return state.chargedAt.length > rule.intensity;
}

/** A spawn has begun. Without a charged death there is nothing to count. */
export function spawned(state: RestartState, rule: RestartRule, now: number): RestartState {
  if (isCalm(state)) return state;
  const recent = state.spawnedAt.filter((at) => at > now - rule.periodMs);
  return { ...state, spawnedAt: [...recent, now].slice(-(rule.intensity + 1)) };
}

/**
 * When the next spawn may begin: `now`, a later time, or Infinity until something changes.
 *
 * `starting` is the number of workers that boot. The death of each may yet be charged, so they
 * count together with the charged deaths: a module that cannot start causes at most max(size,
 * intensity + 1) spawns before the pool breaks. `pending` of them are decided but not yet counted
 * by `spawned`.
 */
export function nextSpawnAt(state: RestartState, rule: RestartRule, now: number, starting: number, pending = 0): number {
  if (isCalm(state)) return now;
  if (state.chargedAt.length + starting > rule.intensity) return Number.POSITIVE_INFINITY;
  return nextProbeAt(state, rule, now, pending);
}

/** Like `nextSpawnAt`, for a probe: only the limit of spawns in any `periodMs` applies to it. */
export function nextProbeAt(state: RestartState, rule: RestartRule, now: number, pending = 0): number {
  if (isCalm(state)) return now;
  const room = rule.intensity + 1 - pending; // how many may begin, this one included
  if (room <= 0) return Number.POSITIVE_INFINITY;
  const blocking = state.spawnedAt.at(-room); // must first leave the window
  return blocking === undefined ? now : Math.max(now, blocking + rule.periodMs);
}

/**
 * Whether a worker whose spawn has this ordinal proves that workers can start again.
 *
 * A healthy worker from before the trouble proves nothing. A worker that finished a task is a proof
 * if it was spawned after the first charged death, even if others died after its spawn: with
 * several slots and random kills some worker always has, and random kills must not break the pool.
 * A worker that was only ready for a second is a proof if no charged death followed its spawn.
 */
export function isProof(state: RestartState, spawnOrdinal: number, by: 'task' | 'time'): boolean {
  return spawnOrdinal > (by === 'task' ? state.firstCharged : state.lastCharged);
}

/** There was a proof: forgets all charged deaths. */
export function prove(_state: RestartState): RestartState {
  return calm;
}
