/** Reads the options of a file of types: their names, and the defaults in their docstrings. */
import { readFileSync } from 'node:fs';

export interface Documented {
  /** As the docstring words it; undefined: it has none. */
  readonly byDefault: string | undefined;
  readonly isOptional: boolean;
}

/** By the names of the interfaces and of their options. */
export function optionsOf(file: string): Map<string, Map<string, Documented>> {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const interfaces = new Map<string, Map<string, Documented>>();
  for (const [, name, body] of source.matchAll(/^export interface (\w+)[^{]*\{\n(.*?)^\}/gms)) {
    const options = new Map<string, Documented>();
    for (const [, doc = '', key, mark] of (body as string).matchAll(/(\/\*\*(?:(?!\*\/).)*\*\/\s*)?^ {2}(?:readonly )?(\w+)(\??):/gms)) {
      const byDefault = /@default\s+(.*?)\s*\*\//s.exec(doc)?.[1];
      options.set(key as string, { byDefault, isOptional: mark === '?' });
    }
    interfaces.set(name as string, options);
  }
  return interfaces;
}

/** The value that a default stands for; undefined if it is described in words. */
export function plainValue(byDefault: string): { readonly value: unknown } | undefined {
  if (byDefault === 'Infinity') return { value: Number.POSITIVE_INFINITY };
  if (byDefault === '[]') return { value: [] };
  if (/^\d+ MiB$/.test(byDefault)) return { value: Number.parseInt(byDefault, 10) * 1024 * 1024 };
  if (/^[\d_.]+$/.test(byDefault)) return { value: Number(byDefault.replaceAll('_', '')) };
  if (/^'[^']*'$/.test(byDefault)) return { value: byDefault.slice(1, -1) };
  return byDefault === 'true' || byDefault === 'false' ? { value: byDefault === 'true' } : undefined;
}
