/** The kill ladder: a list of signals, each with the time that the process has to end after it. */

export interface LadderStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/**
 * The ladder that begins with `signal`: the steps from that signal on. If no step has it, `signal`
 * comes before all steps, with the wait of the first.
 */
export function ladderFrom(ladder: readonly LadderStep[], signal: NodeJS.Signals): readonly LadderStep[] {
  const index = ladder.findIndex((step) => step.signal === signal);
  return index === -1 ? [{ signal, waitMs: ladder[0]?.waitMs ?? 0 }, ...ladder] : ladder.slice(index);
}
