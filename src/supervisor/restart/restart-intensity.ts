/**
 * Restart intensity: when a worker may be started again, and when it is time to give up.
 *
 * Pure functions over an immutable state, as OTP's supervisor has one for its restart window. Which
 * deaths are charged is decided elsewhere; here they are counted (G10).
 *
 * Spawns and charged deaths are numbered together, in the order in which they happen: "spawned after
 * the last charged death" then means the same when both fall into one millisecond.
 */

/** More than `intensity` charged deaths break the pool; no more than `intensity + 1` spawns begin in any `periodMs`. */
export interface RestartRule {
  readonly intensity: number;
  readonly periodMs: number;
}

export interface RestartState {
  /** When each charged death since the last proof was; no more of them than matter, the latest last. */
  readonly chargedAt: readonly number[];
  /** The ordinals of the first and the last of them. */
  readonly firstCharged: number;
  readonly lastCharged: number;
  /** When each spawn since the first charged death was begun; only those within `periodMs`, the latest last. */
  readonly spawnedAt: readonly number[];
}

/** No charged death since the last proof. */
export const calm: RestartState = Object.freeze({ chargedAt: [], firstCharged: 0, lastCharged: 0, spawnedAt: [] });

function isCalm(state: RestartState): boolean {
  return state.chargedAt.length === 0;
}

/** A death that is charged here: unrequested, and to no task. */
export function charge(state: RestartState, rule: RestartRule, now: number, ordinal: number): RestartState {
  return {
    chargedAt: [...state.chargedAt, now].slice(-(rule.intensity + 1)),
    firstCharged: isCalm(state) ? ordinal : state.firstCharged,
    lastCharged: ordinal,
    spawnedAt: state.spawnedAt,
  };
}

/**
 * The pool is to break. More than `intensity` in a row without a proof between them are enough, however
 * slow; and since a proof clears the count, more than `intensity` within `periodMs` always are in a row.
 */
export function isExceeded(state: RestartState, rule: RestartRule): boolean {
  return state.chargedAt.length > rule.intensity;
}

/** A spawn was begun. While calm there is nothing to count. */
export function spawned(state: RestartState, rule: RestartRule, now: number): RestartState {
  if (isCalm(state)) return state;
  const recent = state.spawnedAt.filter((at) => at > now - rule.periodMs);
  return { ...state, spawnedAt: [...recent, now].slice(-(rule.intensity + 1)) };
}

/**
 * When the next spawn may begin: `now`: at once; later: then; Infinity: not before something changes.
 *
 * `starting` workers are being booted now. Each of them may yet be charged, so together with the charged
 * ones they stay within what the pool survives: a module that cannot start causes at most
 * max(size, intensity + 1) spawns before the pool breaks. `pending` of them are decided but not begun
 * (not yet told by `spawned`).
 */
export function nextSpawnAt(state: RestartState, rule: RestartRule, now: number, starting: number, pending = 0): number {
  if (isCalm(state)) return now;
  if (state.chargedAt.length + starting > rule.intensity) return Number.POSITIVE_INFINITY;
  return nextProbeAt(state, rule, now, pending);
}

/** The same for the probe of a broken pool, which only obeys the limit of `intensity + 1` spawns in any `periodMs`. */
export function nextProbeAt(state: RestartState, rule: RestartRule, now: number, pending = 0): number {
  if (isCalm(state)) return now;
  const room = rule.intensity + 1 - pending; // for spawns that have begun, this one included
  if (room <= 0) return Number.POSITIVE_INFINITY;
  const blocking = state.spawnedAt.at(-room); // the spawn begins when this one has left the window
  return blocking === undefined ? now : Math.max(now, blocking + rule.periodMs);
}

/**
 * Whether a worker whose spawn has this ordinal proves that the cause of the charged deaths is gone.
 *
 * A healthy worker from before the trouble proves nothing. One that finished a task proves that workers can be
 * started since it began, though others died meanwhile: with several slots and random kills there is always one
 * that did, and they must not break the pool. One that was merely ready for a second is a proof only if nothing died since.
 */
export function isProof(state: RestartState, spawnOrdinal: number, by: 'task' | 'time'): boolean {
  return spawnOrdinal > (by === 'task' ? state.firstCharged : state.lastCharged);
}

/** A worker that `isProof` finished a task or was ready for one second. */
export function prove(_state: RestartState): RestartState {
  return calm;
}
