/** One bug to be planted into a copy of the source. */
export interface Mutation extends Edit {
  readonly bug: string;
  /** The first seed that finds it: `npm run mutants` begins there, and `npm run mutants -- --hunt` finds it anew. */
  readonly firstSeed: number;
  /** Which pool had it, or which guarantee it breaks. */
  readonly source: string;
  /** Where one change is not enough to make the bug. */
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
