/** What `console.log` shows of a pool, a task, a batch: one line, whatever the program has named them. */
import { inspect } from 'node:util';

const MOST_CHARS = 60;

/** The method that Node calls to show an object. */
export const custom: typeof inspect.custom = inspect.custom;

/** Quoted, and short; what would break the line or steer a terminal is escaped. */
export function quoted(name: string): string {
  return inspect(name.length > MOST_CHARS ? `${name.slice(0, MOST_CHARS)}…` : name).replace(/[\u2028\u2029]/g, '\\n');
}

/** `Pool 'resize' { open, 2 workers, 3 queued }`: what is undefined is left out. */
export function line(title: string, ...facts: readonly (string | undefined)[]): string {
  return `${title} { ${facts.filter((fact) => fact !== undefined).join(', ')} }`;
}
