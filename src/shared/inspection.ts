/** How `console.log` shows a pool, a task or a batch: in one line, whatever their names are. */
import { inspect } from 'node:util';

const MOST_CHARS = 60;

/** The key of the method that Node calls to show an object. */
export const custom: typeof inspect.custom = inspect.custom;

/** Quoted and short; characters that would break the line or control a terminal are escaped. */
export function quoted(name: string): string {
  return inspect(name.length > MOST_CHARS ? `${name.slice(0, MOST_CHARS)}…` : name).replace(/[\u2028\u2029]/g, '\\n');
}

/** For example `Pool 'resize' { open, 2 workers, 3 queued }`; undefined facts are left out. */
export function line(title: string, ...facts: readonly (string | undefined)[]): string {
  return `${title} { ${facts.filter((fact) => fact !== undefined).join(', ')} }`;
}
