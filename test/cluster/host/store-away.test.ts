/** A store that dies and comes back, while a host has a task. (Its server is a new child then.) */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { endAll, newClient, newHostProcess, starts } from '../../kit/hosts.js';
import { until } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

afterEach(endAll);

forEachStore((server) => {
  test('a store that is away for a moment loses no result (C10)', async () => {
    const name = freshName();
    const connection = server.connection();
    const client = await newClient(connection, name);
    const file = join(tmpdir(), `everpool-ledger-${name}`);
    const host = await newHostProcess(connection, name, { lockMs: 8000 });
    await client.add('t-1', 'mark', [file, 'it', 800]);
    await until('it runs', () => starts(file, 'it') === 1);
    await server.kill();
    await until('the host says so', () => host.has('storeError'));
    await server.restart();
    expect(await client.result('t-1')).toBe('it');
    expect(starts(file, 'it')).toBe(1);
    await until('the host has recovered', () => host.has('recovered'));
    rmSync(file);
  });
});
