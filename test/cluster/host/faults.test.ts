/** Hosts that die, freeze, or are cut off from the store: a ledger outside says what started. */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, ledgerOf, newClient, newHost, newHostProcess, starts } from '../../kit/hosts.js';
import { isRunning, newFolder, newGate, until, useKit } from '../../kit/pools.js';
import { type StoreProxy, startProxy, through } from '../../kit/proxy.js';
import { forEachStore, freshName } from '../../kit/stores.js';

const LOCK_MS = 2000;
const again = { retries: { crash: 1, timeout: 0, error: 0 } };

useKit();
const proxies: StoreProxy[] = [];
afterEach(async () => {
  for (const proxy of proxies) proxy.lighten();
  await endAll();
  for (const proxy of proxies.splice(0)) proxy.close();
});

forEachStore((server) => {
  describe('kill -9 of a host', () => {
    test('loses only what it had, never starts it twice, and leaves no worker (C2, C5, G8)', async () => {
      const name = freshName();
      const connection = server.connection();
      const client = await newClient(connection, name);
      const file = join(newFolder(), 'ledger');
      const gate = newGate();
      const first = await newHostProcess(connection, name, { host: 'first', pool: { size: 2 } });
      await client.add('lost', 'spin', [file, 'lost', gate.file]);
      await client.add('again', 'spin', [file, 'again', gate.file], again);
      await until('both run', () => starts(file, 'lost') + starts(file, 'again') === 2);
      await client.add('waits', 'mark', [file, 'waits']);
      first.signal('SIGKILL');
      await until('its workers have ended', () => !first.workers.some(isRunning));
      gate.open();
      await newHost(connection, name, { host: 'second', pool: { size: 2 } });
      expect(await client.result('lost')).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'silent', host: undefined });
      expect(await client.result('again')).toBe('again');
      expect(await client.outcome('again')).toMatchObject({ attempts: 2, host: 'second' });
      expect(await client.result('waits')).toBe('waits');
      expect(['lost', 'again', 'waits'].map((each) => starts(file, each))).toEqual([1, 2, 1]);
    });
  });

  describe('a host that is frozen for three locks', () => {
    test('kills its tasks when it wakes, and its late results count for nothing (C4, C8)', async () => {
      const name = freshName();
      const connection = server.connection();
      const client = await newClient(connection, name);
      const file = join(newFolder(), 'ledger');
      const gate = newGate();
      const first = await newHostProcess(connection, name, { host: 'first', pool: { size: 3 } });
      await client.add('lost', 'spin', [file, 'lost', gate.file]);
      await client.add('again', 'spin', [file, 'again', join(newFolder(), 'never')], again);
      await client.add('ends', 'mark', [file, 'ends', 300]);
      await until('all run', () => ['lost', 'again', 'ends'].every((each) => starts(file, each) === 1));
      first.signal('SIGSTOP');
      const second = await newHost(connection, name, { host: 'second', pool: { size: 3 } });
      expect(await client.result('lost')).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'silent' });
      expect(await client.result('ends')).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'silent' });
      await until('it runs again', () => starts(file, 'again') === 2);
      await new Promise((resolve) => setTimeout(resolve, LOCK_MS));
      const old = first.workers;
      const before = old.filter(isRunning).length;
      first.signal('SIGCONT');
      const woken = Date.now();
      await until('it has fenced what it had', () => first.events.some(({ event }) => event === 'fenced'));
      await until('nothing of it runs on', () => old.filter(isRunning).length < before);
      expect(Date.now() - woken).toBeLessThan(2000);
      gate.open();
      expect(await client.result('lost')).toMatchObject({ why: 'silent' });
      // It works on.
      await second.close({ drainMs: 0 });
      await client.add('more', 'add', [1, 2]);
      expect(await client.result('more')).toBe(3);
      expect(await client.outcome('more')).toMatchObject({ host: 'first' });
      expect(['lost', 'again', 'ends'].map((each) => starts(file, each))).toEqual([1, 2, 1]);
    });
  });

  describe('a host that is cut off', () => {
    test('kills its tasks before another host starts them (C8)', async () => {
      const name = freshName();
      const connection = server.connection();
      const proxy = await startProxy(server.port);
      proxies.push(proxy);
      const client = await newClient(connection, name);
      const file = join(newFolder(), 'ledger');
      const first = await newHostProcess(through(proxy, connection), name, { host: 'first' });
      await client.add('again', 'beat', [file, 'again', 3 * LOCK_MS], again);
      await until('it runs', () => starts(file, 'again') === 1);
      await newHost(connection, name, { host: 'second' });
      proxy.darken();
      await until('it runs elsewhere', () => starts(file, 'again') === 2);
      const [one] = ledgerOf(file);
      const second = ledgerOf(file).filter(({ what }) => what === 'start')[1];
      const last = ledgerOf(file).findLast(({ pid }) => pid === one?.pid);
      expect(first.has('fenced')).toBe(true);
      expect(last?.at).toBeLessThanOrEqual(second?.at as number);
      expect(await client.result('again')).toBe('again');
      expect(await client.outcome('again')).toMatchObject({ attempts: 2, host: 'second' });
      proxy.lighten();
      expect(starts(file, 'again')).toBe(2);
    });

    test('and drains meanwhile, ends all the same', async () => {
      const name = freshName();
      const connection = server.connection();
      const proxy = await startProxy(server.port);
      proxies.push(proxy);
      const client = await newClient(connection, name);
      const file = join(newFolder(), 'ledger');
      const first = await newHostProcess(through(proxy, connection), name, { drainMs: 500 });
      await client.add('t-1', 'spin', [file, 'it', newGate().file]);
      await until('it runs', () => starts(file, 'it') === 1);
      proxy.darken();
      const from = Date.now();
      first.signal('SIGTERM');
      expect(await first.exited).toBe(0);
      // drainMs, the kill ladder, and what the store may take to disconnect.
      expect(Date.now() - from).toBeLessThan(500 + 6000 + 1000 + 3000 + 2000);
      expect(first.workers.filter(isRunning)).toEqual([]);
    });
  });

  describe('SIGTERM', () => {
    test('drains: what runs ends, and the process exits (C12)', async () => {
      const name = freshName();
      const connection = server.connection();
      const client = await newClient(connection, name);
      const file = join(newFolder(), 'ledger');
      const first = await newHostProcess(connection, name);
      await client.add('t-1', 'mark', [file, 'it', 500]);
      await client.add('t-2', 'mark', [file, 'other']);
      await until('it runs', () => starts(file, 'it') === 1);
      first.signal('SIGTERM');
      expect(await first.exited).toBe(0);
      expect(await client.result('t-1')).toBe('it');
      expect(starts(file, 'other')).toBe(0);
      expect(await client.store.counts()).toMatchObject({ queued: 1, running: 0 });
    });
  });
});
