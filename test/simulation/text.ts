/** Texts about values that were made to have none. */

/** The text of anything that was thrown. Runs no code of the program. */
export function textOf(error: unknown): string {
  const before = Error.prepareStackTrace;
  Reflect.deleteProperty(Error, 'prepareStackTrace');
  try {
    return error instanceof Error ? String(error.stack ?? error.message) : String(error);
  } catch {
    return `something odd, of type ${typeof error}`;
  } finally {
    if (before !== undefined) Error.prepareStackTrace = before;
  }
}

export function nameOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.name) : String(error);
  } catch {
    return `something odd, of type ${typeof error}`;
  }
}

export function codeOf(error: unknown): unknown {
  try {
    return error instanceof Error ? (error as { code?: unknown }).code : undefined;
  } catch {
    return undefined;
  }
}
