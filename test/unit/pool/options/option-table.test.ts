import { describe, expect, test } from 'vitest';
import * as methods from '../../../../src/pool/options/method-options.js';
import * as groups from '../../../../src/pool/options/option-groups.js';
import type { Table } from '../../../../src/pool/options/option-table.js';
import { poolTable } from '../../../../src/pool/options/pool-options.js';
import { mapTable, retriesTable, taskDefaultsTable, taskTable } from '../../../../src/pool/options/task-options.js';
import { type Documented, optionsOf, plainValue } from '../../../kit/option-docs.js';

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

const interfaces = optionsOf('src/pool/options/option-types.ts');

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
