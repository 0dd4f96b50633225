import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as methods from '../../../../src/pool/options/method-options.js';
import * as groups from '../../../../src/pool/options/option-groups.js';
import type { Table } from '../../../../src/pool/options/option-table.js';
import { poolTable } from '../../../../src/pool/options/pool-options.js';
import { mapTable, retriesTable, taskDefaultsTable, taskTable } from '../../../../src/pool/options/task-options.js';

type AnyTable = Table<Record<string, unknown>>;

/** By the name of the interface in option-types.ts. */
const tables = {
  PoolOptions: poolTable,
  PoolSize: groups.sizeTable,
  KillStep: groups.killStepTable,
  RestartIntensityOptions: groups.restartTable,
  BackoffOptions: groups.backoffTable,
  RecycleOptions: groups.recycleTable,
  LimitOptions: groups.limitsTable,
  HeartbeatOptions: groups.heartbeatTable,
  PermissionOptions: groups.permissionTable,
  TaskOptions: taskTable,
  RetryOptions: retriesTable,
  MapOptions: mapTable,
  KillTasksOptions: methods.killTasksTable,
  KillWorkerOptions: methods.killWorkerTable,
  CloseOptions: methods.closeTable,
  TerminateOptions: methods.terminateTable,
  RestartOptions: methods.rollingRestartTable,
  ScopeOptions: methods.scopeTable,
} as unknown as Record<string, AnyTable>;

interface Documented {
  /** As the docstring words it; undefined: it has none. */
  readonly byDefault: string | undefined;
  readonly isOptional: boolean;
}

const source = readFileSync(new URL('../../../../src/pool/options/option-types.ts', import.meta.url), 'utf8');
const interfaces = new Map<string, Map<string, Documented>>();
for (const [, name, body] of source.matchAll(/^export interface (\w+)[^{]*\{\n(.*?)^\}/gms)) {
  const options = new Map<string, Documented>();
  for (const [, doc = '', key, mark] of (body as string).matchAll(/(\/\*\*(?:(?!\*\/).)*\*\/\s*)?^ {2}(?:readonly )?(\w+)(\??):/gms)) {
    const byDefault = /@default\s+(.*?)\s*\*\//s.exec(doc)?.[1];
    options.set(key as string, { byDefault, isOptional: mark === '?' });
  }
  interfaces.set(name as string, options);
}

/** The value that a default stands for; undefined if it is described in words. */
function plainValue(byDefault: string): { readonly value: unknown } | undefined {
  if (byDefault === 'Infinity') return { value: Number.POSITIVE_INFINITY };
  if (byDefault === '[]') return { value: [] };
  if (/^[\d_.]+$/.test(byDefault)) return { value: Number(byDefault.replaceAll('_', '')) };
  if (/^'[^']*'$/.test(byDefault)) return { value: byDefault.slice(1, -1) };
  return byDefault === 'true' || byDefault === 'false' ? { value: byDefault === 'true' } : undefined;
}

describe('option-types.ts and the tables', () => {
  test('each interface has a table', () => {
    expect([...interfaces.keys()].sort()).toEqual(Object.keys(tables).sort());
  });

  test.each(Object.keys(tables))('each option of %s is a row of its table, and the reverse', (name) => {
    const table = tables[name] as AnyTable;
    const options = interfaces.get(name) as Map<string, Documented>;
    expect([...options.keys()].sort()).toEqual(Object.keys(table).sort());
    for (const [key, { isOptional }] of options) expect([key, isOptional]).toEqual([key, table[key]?.length === 2]);
  });

  test('the defaults of the docstrings are those of the tables', () => {
    let compared = 0;
    for (const [name, options] of interfaces) {
      for (const [key, { byDefault }] of options) {
        const inTable = tables[name]?.[key]?.[1];
        const documented = byDefault === undefined ? undefined : plainValue(byDefault);
        // A default that is described in words is an object, or follows from something else.
        if (documented === undefined)
          expect([name, key, typeof inTable]).toEqual([name, key, inTable === undefined ? 'undefined' : 'object']);
        else expect([name, key, inTable]).toEqual([name, key, documented.value]);
        if (documented !== undefined) compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(30);
  });

  test('the defaults of a pool for its tasks are options of a task', () => {
    const withoutOwn = Object.keys(taskTable).filter((key) => !['signal', 'tag', 'onProgress'].includes(key));
    expect(Object.keys(taskDefaultsTable)).toEqual(withoutOwn);
  });
});
