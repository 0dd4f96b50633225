import { describe, expect, test } from 'vitest';
import { clusterTable } from '../../../src/cluster/client/client-options.js';
import { serveTable } from '../../../src/cluster/host/host-options.js';
import type { Table } from '../../../src/pool/options/option-table.js';
import { optionsOf, plainValue } from '../../kit/option-docs.js';

const interfaces = optionsOf('src/cluster/types.ts');
const tables = { ServeOptions: serveTable, ClusterOptions: clusterTable } as unknown as Record<string, Table<Record<string, unknown>>>;
/** Their defaults are described in words. */
const IN_WORDS = ['host'];

describe('types.ts and the tables', () => {
  test.each(Object.keys(tables))('each option of %s is a row of its table, and the reverse', (name) => {
    const table = tables[name] ?? {};
    const options = interfaces.get(name);
    expect([...(options?.keys() ?? [])].sort()).toEqual(Object.keys(table).sort());
    for (const [key, { isOptional }] of options ?? []) expect([key, isOptional]).toEqual([key, table[key]?.length === 2]);
  });

  test('the defaults of the docstrings are those of the tables', () => {
    let compared = 0;
    for (const [name, table] of Object.entries(tables)) {
      for (const [key, { byDefault }] of interfaces.get(name) ?? []) {
        const inTable = table[key]?.[1];
        const documented = byDefault === undefined ? undefined : plainValue(byDefault);
        if (documented !== undefined) {
          expect([name, key, inTable]).toEqual([name, key, documented.value]);
          compared += 1;
        } else if (!IN_WORDS.includes(key)) {
          expect([name, key, typeof inTable]).toEqual([name, key, inTable === undefined ? 'undefined' : 'object']);
        }
      }
    }
    expect(compared).toBe(11);
  });

  test('hosts and clients have the same defaults of what they share', () => {
    for (const key of ['name', 'payloadLimit', 'secret']) expect(serveTable[key as 'name']).toEqual(clusterTable[key as 'name']);
  });
});
