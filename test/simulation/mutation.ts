/** A bug to be planted into a copy of the source. */
export interface Mutation extends Edit {
  readonly bug: string;
  /**
   * The first seed that finds it. `npm run mutants` begins there; `npm run mutants -- --hunt` finds
   * it anew.
   */
  readonly firstSeed: number;
  /** The pool that had it, or the guarantee that it breaks. */
  readonly source: string;
  /** Whatever runs the seeds, in test/simulation/; by default the simulation of a pool. */
  readonly entry?: string;
  /** Further changes, where one is not enough to make the bug. */
  readonly also?: Edit | readonly Edit[];
}

/** Replaces a text that occurs exactly once in its file. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export function editsOf(mutation: Mutation): readonly Edit[] {
  const { also = [] } = mutation;
  return [mutation, ...(Array.isArray(also) ? (also as readonly Edit[]) : [also as Edit])];
}
