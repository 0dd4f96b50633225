/** A host on a real store, in this process. */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, newHost as hostOf, newClient, starts } from '../../kit/hosts.js';
import { fixture, isRunning, newFolder, newGate, rejection, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

/** No test here is about silence, and a slow machine must not look silent. */
const newHost: typeof hostOf = (connection, name, options, module) => hostOf(connection, name, { lockMs: 15_000, ...options }, module);

forEachStore((server) => {
  describe('a host', () => {
    test('runs tasks, whatever they return or throw', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      await newHost(server.connection(), name, { pool: { size: 2 } });
      const file = join(newFolder(), 'ledger');
      await client.add('t-1', 'add', [1, 2]);
      await client.add('t-2', 'echo', [new Map([['a', Buffer.from('b')]])]);
      await client.add('t-3', 'fails', [file, 'it']);
      await client.add('t-4', 'big', [3_000_000]);
      await client.add('t-5', 'big', [9_000_000]);
      expect(await client.result('t-1')).toBe(3);
      expect(await client.result('t-2')).toEqual(new Map([['a', Buffer.from('b')]]));
      expect(await client.result('t-3')).toMatchObject({ name: 'RangeError', message: 'it failed' });
      expect(await client.result('t-4')).toBe('x'.repeat(3_000_000));
      expect(await client.result('t-5')).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' });
    });

    test('retries by the counters in the task, with the number of the attempt', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      await newHost(server.connection(), name);
      const file = join(newFolder(), 'ledger');
      const retries = { crash: 0, timeout: 0, error: 2 };
      await client.add('t-1', 'fails', [file, 'it'], { retries, delaysMs: [10] });
      expect(await client.result('t-1')).toMatchObject({ message: 'it failed' });
      expect(await client.outcome('t-1')).toMatchObject({ attempts: 3 });
      expect(starts(file, 'it')).toBe(3);
    });

    test('a poison task starts exactly 1 + n times (C3)', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      await newHost(server.connection(), name, { pool: { size: 1, stderr: 'ignore' } });
      await newHost(server.connection(), name, { host: 'other', pool: { size: 1, stderr: 'ignore' } });
      const file = join(newFolder(), 'ledger');
      await client.add('t-0', 'poison', [file, 'once']);
      await client.add('t-2', 'poison', [file, 'thrice'], { retries: { crash: 2, timeout: 0, error: 0 } });
      expect(await client.result('t-0')).toMatchObject({
        code: 'ERR_EVERPOOL_WORKER_DIED',
        taskId: 't-0',
        message: expect.stringMatching(/^task t-0 \(poison\): .* It was not retried;/),
      });
      expect(await client.result('t-2')).toMatchObject({
        code: 'ERR_EVERPOOL_WORKER_DIED',
        taskId: 't-2',
        message: expect.stringMatching(/^task t-2 \(poison\): .* It was started 3 times; retries\.crash is 2\./),
      });
      expect([starts(file, 'once'), starts(file, 'thrice')]).toEqual([1, 3]);
    });

    test('refuses what is no task, and goes on (C16)', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      await newHost(server.connection(), name);
      const head = (more: object) => JSON.stringify({ name: 'add', at: Date.now(), retries: {}, ...more });
      const hostile: Record<string, unknown> = {
        'h-1': {},
        'h-2': { v: 0, head: '{}', args: 'j[]', seal: '' },
        'h-3': { v: 1, head: '{', args: 'j[]', seal: '' },
        'h-4': { v: 1, head: head({}), args: 'v////', seal: '' },
        'h-5': { v: 1, head: head({}), args: 'c/////:AAAA', seal: '' },
        'h-6': { v: 1, head: head({}), args: 'j{"__proto__":{"x":1}}', seal: '' },
        'h-7': { v: 1, head: head({ name: '__proto__' }), args: 'j[]', seal: '' },
        'h-8': { v: 1, head: head({ name: 'constructor' }), args: 'j[]', seal: '' },
        'h-9': { v: 1, head: head({ timeoutMs: -1 }), args: 'j[]', seal: '' },
        'h-10': { v: 1, head: head({}), args: 'j[1', seal: '' },
      };
      for (const [id, data] of Object.entries(hostile)) await client.addRaw(id, data);
      await client.add('good', 'add', [1, 2]);
      const codes: Record<string, unknown> = {};
      for (const id of Object.keys(hostile)) codes[id] = ((await client.result(id)) as { code?: string }).code;
      expect(codes).toEqual({
        'h-1': 'ERR_EVERPOOL_OPTIONS',
        'h-2': 'ERR_EVERPOOL_OPTIONS',
        'h-3': 'ERR_EVERPOOL_OPTIONS',
        'h-4': 'ERR_EVERPOOL_SERIALIZATION',
        'h-5': 'ERR_EVERPOOL_SERIALIZATION',
        'h-6': 'ERR_EVERPOOL_SERIALIZATION',
        'h-7': 'ERR_EVERPOOL_UNKNOWN_TASK',
        'h-8': 'ERR_EVERPOOL_UNKNOWN_TASK',
        'h-9': 'ERR_EVERPOOL_OPTIONS',
        'h-10': 'ERR_EVERPOOL_SERIALIZATION',
      });
      expect(await client.result('good')).toBe(3);
    });

    test('with a secret, runs only what is sealed with it', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name, ['new']);
      const forger = await newClient(server.connection(), name);
      await newHost(server.connection(), name, { secret: ['old', 'new'] });
      const trusting = await newClient(server.connection(), name, ['old']);
      const file = join(newFolder(), 'ledger');
      await forger.add('forged', 'mark', [file, 'forged']);
      await client.add('sealed', 'mark', [file, 'sealed']);
      expect(await trusting.result('sealed')).toBe('sealed');
      expect(await trusting.result('forged')).toMatchObject({ code: 'ERR_EVERPOOL_OPTIONS' });
      expect(starts(file, 'forged')).toBe(0);
    });

    test('ends a running task on request, and reports it when its process has ended (C7)', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      const host = await newHost(server.connection(), name);
      const file = join(newFolder(), 'ledger');
      await client.add('t-1', 'spin', [file, 'it', newGate().file]);
      await until('it runs', () => starts(file, 'it') === 1);
      const [worker] = host.pool.workers();
      await client.end('t-1', 'kill', 'enough');
      expect(await client.result('t-1')).toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED', reason: 'enough' });
      expect(isRunning(worker?.pid as number)).toBe(false);
    });

    test('passes progress on, in order', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      await newHost(server.connection(), name);
      await client.add('t-1', 'reports', [10], { wantsProgress: true });
      await client.outcome('t-1');
      await until('progress has come', () => client.progress.length > 0);
      const counts = client.progress.map((message) => (JSON.parse(message) as number[])[1] as number);
      expect(counts).toEqual([...counts].sort((one, other) => one - other));
    });

    test('takes as many tasks as its pool has slots, also after resize', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      const host = await newHost(server.connection(), name, { pool: { size: 1, concurrency: 2 } });
      const { file, open } = newGate();
      for (let at = 0; at < 6; at += 1) await client.add(`t-${at}`, 'mark', [file, `t-${at}`, 60_000]);
      await until('two are taken', () => host.running.length === 2);
      expect(host.slots).toBe(2);
      host.pool.resize(2);
      expect(host.slots).toBe(4);
      const from = performance.now();
      await until('four are taken', () => host.running.length === 4);
      expect(performance.now() - from).toBeLessThan(2000);
      expect(await client.store.hosts()).toContainEqual({ name: host.id, slots: 4 });
      open();
    });

    test('whose module cannot be loaded rejects, and leaves nothing', async () => {
      const connection = server.connection();
      const error = await rejection(
        newHost(connection, freshName(), { pool: { size: 1, stderr: 'ignore' } }, fixture('no-such-module.js')),
      );
      expect(error['code']).toBe('ERR_EVERPOOL_BROKEN');
    });

    test('whose store is not there rejects', async () => {
      const connection = server.kind === 'redis' ? { redis: 'redis://127.0.0.1:1' } : { postgres: 'postgres://127.0.0.1:1/x' };
      const error = await rejection(newHost(connection, freshName()));
      expect(error['code']).toBe('ERR_EVERPOOL_STORE');
    });
  });

  describe('close', () => {
    test('under load: what runs goes on, the rest starts elsewhere, none twice (C12)', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      const first = await newHost(server.connection(), name, { host: 'first', pool: { size: 2 } });
      const file = join(newFolder(), 'ledger');
      const ids = Array.from({ length: 40 }, (_, at) => `t-${at}`);
      for (const id of ids) await client.add(id, 'mark', [file, id, 50]);
      await until('it is at work', () => starts(file, 't-3') === 1);
      const second = newHost(server.connection(), name, { host: 'second', pool: { size: 2 } });
      await first.close();
      expect(first.state).toBe('closed');
      await second;
      for (const id of ids) expect(await client.result(id)).toBe(id);
      expect(ids.filter((id) => starts(file, id) !== 1)).toEqual([]);
    });

    test('after drainMs: without retries a task is lost, with retries it starts elsewhere', async () => {
      const name = freshName();
      const client = await newClient(server.connection(), name);
      const first = await newHost(server.connection(), name, { host: 'first', pool: { size: 2 } });
      const file = join(newFolder(), 'ledger');
      const gate = newGate();
      await client.add('lost', 'spin', [file, 'lost', gate.file]);
      await client.add('again', 'spin', [file, 'again', gate.file], { retries: { crash: 1, timeout: 0, error: 0 } });
      await until('both run', () => starts(file, 'lost') + starts(file, 'again') === 2);
      await first.close({ drainMs: 100 });
      expect(await client.result('lost')).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'drained', host: 'first' });
      gate.open();
      await newHost(server.connection(), name, { host: 'second' });
      expect(await client.result('again')).toBe('again');
      expect([starts(file, 'lost'), starts(file, 'again')]).toEqual([1, 2]);
    });
  });
});
