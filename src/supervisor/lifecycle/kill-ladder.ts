/** The kill ladder: which signal comes next, and how long to wait for the end after it. */

export interface LadderStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/**
 * The ladder that begins with `signal`: from the step with that signal on, or, if it has none, that signal
 * before all others, with as much time as the first of them.
 */
export function ladderFrom(ladder: readonly LadderStep[], signal: NodeJS.Signals): readonly LadderStep[] {
  const index = ladder.findIndex((step) => step.signal === signal);
  return index === -1 ? [{ signal, waitMs: ladder[0]?.waitMs ?? 0 }, ...ladder] : ladder.slice(index);
}
