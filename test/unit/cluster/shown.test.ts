/** What is shown, logged or turned into JSON has neither the password of the store nor the secret. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { HostHandle } from '../../../src/cluster/host/host-handle.js';
import { readConnection } from '../../../src/cluster/options.js';
import type { ClusterOptions, Connection } from '../../../src/cluster/types.js';
import { scriptedHost } from '../../kit/scripted-host.js';
import { TestWorld } from './client/kit.js';

const connection: Connection = { redis: 'redis://user:hush@127.0.0.1' };
const secret = 'hush-hush';

function expectHushed(value: unknown): void {
  for (const text of [inspect(value, { depth: 10, showHidden: true }), JSON.stringify(value), String(value)])
    expect(text).not.toContain('hush');
}

describe('no password is shown', () => {
  it('of a host', async () => {
    const script = await scriptedHost({ connection, secret });
    const host = new HostHandle(script.host);
    expectHushed(host);
    expect(inspect(host)).toMatch(/^Host 'h' \{ open, 0 of \d+ slots taken \}$/);
  });

  it('of a client', () => {
    expectHushed(new TestWorld().client({ connection, secret }).cluster);
  });

  it('in the error of a connection that is a URL', () => {
    const given = 'redis://user:hush@127.0.0.1' as unknown as ClusterOptions['connection'];
    const error = (() => {
      try {
        return readConnection('connection', given);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(String(error)).toBe(
      'OptionsError: connection: expected an object with either redis or postgres, as in { redis: url }, got a string',
    );
  });
});

describe('the id of a task', () => {
  it('that no task can have is refused: the store could only fail, for ever', async () => {
    const { cluster } = new TestWorld().client();
    for (const id of ['', 'a:b', 'a\0b', 'x'.repeat(251)])
      await expect(cluster.end(id)).rejects.toMatchObject({ code: 'ERR_EVERPOOL_OPTIONS' });
  });
});
