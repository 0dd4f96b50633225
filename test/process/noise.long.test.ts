/**
 * Bytes that are not messages, on the channels of real workers, both ways: they end that worker at
 * most.
 */
import type { Death, Pool, PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/testing/random.js';
import type * as WritesFrames from '../fixtures/writes-frames.js';
import { expectUsable, fixture, newPool, useKit } from '../kit/pools.js';
import { weakened } from '../kit/weakened.js';

const HEADER_BYTES = 32;
const MAGIC = 0xe9f1;

/** A frame as a worker would write it, with a length that may be false. */
function frameOf(random: Random): Buffer {
  const body = Buffer.from('x'.repeat(random.integer(0, 100)));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16LE(MAGIC, 0);
  header[2] = random.integer(0, 40);
  header[3] = random.integer(0, 8);
  header.writeUInt32LE(random.chance(0.3) ? Math.floor(random.next() * 2 ** 32) : body.length, 4);
  header.writeDoubleLE(random.integer(0, 5), 8);
  header.writeDoubleLE(performance.now(), 16);
  header[30] = random.integer(0, 255);
  return Buffer.concat([header, body]);
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let flips = random.integer(1, 5); flips > 0; flips -= 1) {
    const at = random.integer(0, copy.length - 1);
    copy[at] = (copy[at] as number) ^ (1 << random.integer(0, 7));
  }
  return copy;
}

/** More than a frame's header, so that the parent sees immediately that this is not a frame. */
function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.integer(HEADER_BYTES, 5000) }, () => random.integer(0, 255)));
}

function deathsOf(pool: Pool<never>): Death[] {
  const deaths: Death[] = [];
  pool.on('workerDied', ({ death }) => deaths.push(death));
  return deaths;
}

describe('noise on the channel', () => {
  useKit();

  const noisy = (options: PoolOptions = {}) =>
    newPool<typeof WritesFrames>({ module: fixture('writes-frames.js'), restart: { intensity: 1000 }, ...options });

  test('random bytes end in exactly one protocol death, of the worker that wrote them', async () => {
    const random = new Random(11);
    const pool = noisy();
    const deaths = deathsOf(pool as never);
    const bystander = pool.run('sleep' as never, [60_000] as never);
    bystander.catch(() => undefined);
    await bystander.started;
    for (let round = 1; round <= 30; round += 1) {
      await expect(pool.run('writeNoise', [randomBytes(random)])).rejects.toMatchObject({ death: { cause: 'protocol', phase: 'task' } });
      expect(deaths).toHaveLength(round);
    }
    expect(bystander.attempts).toHaveLength(1);
    expect(bystander.state).toBe('running');
    await bystander.kill();
    await expectUsable(pool as never);
  });

  test('frames with wrong fields, flipped bits or a cut end harm their worker at most, and allocate nothing', async () => {
    const random = new Random(12);
    const pool = noisy();
    const deaths = deathsOf(pool as never);
    const rounds = 120;
    for (let round = 0; round < rounds; round += 1) {
      const frame = frameOf(random);
      const noise = random.pick([frame, flipped(frame, random), frame.subarray(0, random.integer(1, frame.length))]);
      await pool.run('writeNoise', [noise], { timeoutMs: 300 }).catch(() => undefined);
      expect(process.memoryUsage().external).toBeLessThan(200e6);
    }
    expect(deaths.length).toBeGreaterThan(10);
    expect(deaths.length).toBeLessThanOrEqual(rounds);
    expect(deaths.filter(({ cause }) => cause === 'protocol').length).toBeGreaterThan(10);
    await expectUsable(pool as never);
  });

  test('damaged bytes to a worker end that worker at most, and every task settles', async () => {
    const random = new Random(13);
    let damaged = 0;
    const pool = weakened(
      () => noisy({ pipelining: false }),
      (process) => {
        let sent = 0;
        return {
          send: (parts) => {
            sent += 1;
            // The first is the boot message.
            if (sent === 1 || !random.chance(0.1)) return process.send(parts);
            damaged += 1;
            return process.send([flipped(Buffer.concat(parts), random)]);
          },
        };
      },
    );
    const deaths = deathsOf(pool as never);
    const tasks = Array.from({ length: 400 }, () => pool.run('add', [1, 2], { timeoutMs: 500 }));
    const outcomes = await Promise.allSettled(tasks);
    expect(outcomes).toHaveLength(400);
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(50);
    expect(damaged).toBeGreaterThan(3);
    expect(deaths.length).toBeLessThanOrEqual(2 * damaged);
    await pool.close();
  });
});
