/** Cancels, kills, and what they leave alone. */
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { newCluster, startsIn } from '../../kit/clusters.js';
import { endAll, ledgerOf, newHostProcess } from '../../kit/hosts.js';
import { isRunning, newFolder, newGate, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const COUNT = 50;

forEachStore((server) => {
  test('50 cancels that race with the starts: each task ends one way, and none starts after its cancel (C1, C6)', async () => {
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    await newHostProcess(server.connection(), name, { pool: { size: 2 } });
    const cluster = newCluster(server.connection(), name);
    await cluster.run('add', [1, 1]);
    const settled: string[] = [];
    cluster.on('taskSettled', ({ id }) => settled.push(id));
    const rounds = Array.from({ length: COUNT }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, at * 8));
      const task = cluster.run('mark', [file, `c-${at}`, 3]);
      const end = task.then(
        () => 'ok',
        (error: { code: string }) => error.code,
      );
      await new Promise((resolve) => setTimeout(resolve, at % 10));
      await task.cancel();
      return { name: `c-${at}`, cancelledAt: Date.now(), end: await end };
    });
    const ends = await Promise.all(rounds);
    // A task behind all of them.
    await cluster.run('mark', [file, 'last']);
    expect(new Set(ends.map(({ end }) => end)).size).toBeLessThanOrEqual(2);
    for (const { end } of ends) expect(['ok', 'ERR_EVERPOOL_CANCELLED']).toContain(end);
    expect(ends.some(({ end }) => end !== 'ok')).toBe(true);
    for (const { name: each, cancelledAt, end } of ends) {
      const lines = ledgerOf(file).filter((line) => line.name === each);
      expect(lines.filter(({ what, at }) => what === 'start' && at > cancelledAt)).toEqual([]);
      expect(lines.filter(({ what }) => what === 'start').length).toBeLessThanOrEqual(1);
      if (end === 'ok') expect(lines.map(({ what }) => what)).toEqual(['start', 'end']);
    }
    expect(new Set(settled).size).toBe(settled.length);
    expect(settled.length).toBe(COUNT + 1);
  });

  test('one task, one tag and one batch are killed: their processes have ended, and all others go on (C5, C6, C7)', async () => {
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const { file: gate, open } = newGate();
    const connection = server.connection();
    await newHostProcess(connection, name, { pool: { size: 5 } });
    const [cluster, other] = [newCluster(connection, name), newCluster(connection, name)];
    const spin = (each: string, options = {}) => cluster.run('spin', [file, each, gate], options);
    const one = spin('one');
    const tagged = [spin('tagged', { tag: 'x' })];
    const batch = cluster.starmap('spin', [[file, 'item', gate]]);
    const items = batch.settled();
    const innocent = [spin('innocent'), other.run('spin', [file, 'foreign', gate])];
    await until('all run', () => startsIn(file).size === 5);
    tagged.push(spin('waits', { tag: 'x' })); // For a place: it never starts, or is killed too.
    const pidOf = (each: string): number => ledgerOf(file).find((line) => line.name === each)?.pid ?? 0;

    const both = Promise.all(tagged.map((task) => expect(task).rejects.toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED' })));
    expect(await cluster.killTasks({ tag: 'x' })).toBe(2);
    expect(['tagged', 'waits'].filter((each) => isRunning(pidOf(each)))).toEqual([]);
    await both;

    const rejects = expect(one).rejects.toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED', reason: 'not this one' });
    await other.end(one.id, { reason: 'not this one' });
    expect(isRunning(pidOf('one'))).toBe(false);
    await rejects;

    await batch.kill('not these');
    expect(isRunning(pidOf('item'))).toBe(false);
    expect(await items).toMatchObject([{ status: 'rejected', reason: { code: 'ERR_EVERPOOL_CANCELLED' } }]);

    expect([pidOf('innocent'), pidOf('foreign')].filter(isRunning).length).toBe(2);
    open();
    expect(await Promise.all(innocent)).toEqual(['innocent', 'foreign']);
  });
});
