/**
 * The offers, and a worker that claims them from the same descriptor: every offer is taken once, by
 * one of the two.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RING } from '../../../../src/ipc/control-file-layout.js';
import { OfferFile } from '../../../../src/supervisor/node/offer-file.js';
import { NodeControlFile } from '../../../../src/worker/node-control-file.js';

const NONE = Number.POSITIVE_INFINITY;
const isLinux = process.platform === 'linux';
/** Where the system does not show the position, only a recall finds out. */
const seen = (unclaimed: number): number | undefined => (isLinux ? unclaimed : undefined);

const workerOf = (offers: OfferFile): NodeControlFile => new NodeControlFile(-1, offers.readFd);
function offerAll(offers: OfferFile, first: number, last: number): void {
  for (let seq = first; seq <= last; seq += 1) offers.offer(seq);
}
/** Everything that the worker can claim. */
function claimAll(worker: NodeControlFile): number[] {
  const claims: number[] = [];
  for (let seq = worker.claim(); seq !== 0; seq = worker.claim()) {
    claims.push(seq);
    if (Number.isNaN(seq)) break;
  }
  return claims;
}

/** One step of the parent or of the worker. */
type Step = { does: 'offer' | 'claim'; count: number } | { does: 'commit' | 'look' } | { does: 'recall'; withdraws: boolean[] };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ does: fc.constantFrom('offer' as const, 'claim' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ does: fc.constantFrom('commit' as const, 'look' as const) }),
  fc.record({ does: fc.constant('recall' as const), withdraws: fc.array(fc.boolean(), { maxLength: 6 }) }),
);

describe('the offers of a worker', () => {
  let offers: OfferFile;
  let worker: NodeControlFile;
  beforeEach(() => {
    offers = new OfferFile();
    worker = workerOf(offers);
  });
  afterEach(() => offers.close());

  /** The descriptor through which the parent writes: the other one of the same file. */
  const writeFd = (): number => {
    const file = fstatSync(offers.readFd).ino;
    const isWritten = (fd: number): boolean => {
      try {
        return fd !== offers.readFd && readlinkSync(`/proc/self/fd/${fd}`).includes('everpool-') && fstatSync(fd).ino === file;
      } catch {
        return false; // the descriptor of this very list
      }
    };
    return readdirSync('/proc/self/fd').map(Number).find(isWritten) as number;
  };

  test('are taken once each, by the worker in order or by a recall, whatever the order of their steps (G5, G6)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const offers = new OfferFile();
        const worker = workerOf(offers);
        try {
          let last = 0;
          let pending: number[] = [];
          let written: number[] = [];
          const claimed: number[] = [];
          const withdrawn: number[] = [];
          const first = (): number => written[0] ?? pending[0] ?? NONE;
          for (const step of steps) {
            switch (step.does) {
              case 'offer':
                for (let count = step.count; count > 0; count -= 1) {
                  last += 1;
                  offers.offer(last);
                  pending.push(last);
                }
                break;
              case 'commit':
                expect(offers.commit()).toBe(true);
                written.push(...pending);
                pending = [];
                break;
              case 'claim':
                for (let count = step.count; count > 0; count -= 1) {
                  const seq = worker.claim();
                  expect(seq).toBe(written.shift() ?? 0);
                  if (seq !== 0) claimed.push(seq);
                }
                break;
              case 'look':
                expect(offers.unclaimed()).toBe(seen(first()));
                break;
              case 'recall': {
                expect(offers.recall()).toBe(first());
                const recalled = [...written, ...pending];
                const stay = recalled.filter((_, index) => step.withdraws[index] === false);
                withdrawn.push(...recalled.filter((seq) => !stay.includes(seq)));
                for (const seq of stay) offers.offer(seq);
                [written, pending] = [[], stay];
              }
            }
          }
          offers.commit();
          claimed.push(...claimAll(worker));
          expect([...claimed, ...withdrawn].sort((a, b) => a - b)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
          expect(claimed).toEqual([...claimed].sort((a, b) => a - b));
        } finally {
          offers.close();
        }
      }),
      { numRuns: 300 },
    );
  });

  test('cannot be claimed before the commit', () => {
    offerAll(offers, 1, 2);
    expect(worker.claim()).toBe(0);
    offers.commit();
    expect(claimAll(worker)).toEqual([1, 2]);
  });

  test('can be examined without taking any', () => {
    expect(offers.unclaimed()).toBe(seen(NONE));
    offerAll(offers, 1, 3);
    expect(offers.unclaimed()).toBe(seen(1));
    offers.commit();
    for (let look = 0; look < 3; look += 1) expect(offers.unclaimed()).toBe(seen(1));
    expect(worker.claim()).toBe(1);
    for (let look = 0; look < 3; look += 1) expect(offers.unclaimed()).toBe(seen(2));
    expect(claimAll(worker)).toEqual([2, 3]);
    expect(offers.unclaimed()).toBe(seen(NONE));
  });

  test('are recalled in one read, a whole ring of them too, so that no claim falls between two', () => {
    offerAll(offers, 1, RING);
    offers.commit();
    expect(offers.recall()).toBe(1);
    expect(worker.claim()).toBe(0);
    // Across the end of the ring, and with some that are not committed.
    offerAll(offers, RING - 10, RING + 500);
    offers.commit();
    for (let seq = RING - 10; seq <= RING + 3; seq += 1) expect(worker.claim()).toBe(seq);
    offerAll(offers, RING + 501, 2 * RING + 3);
    expect(offers.recall()).toBe(RING + 4);
    expect([offers.recall(), worker.claim()]).toEqual([NONE, 0]);
    offers.commit();
    expect(worker.claim()).toBe(0); // the recall took those that were not committed
  });

  test('keep any number, with gaps', () => {
    const seqs = [1, 7, RING, RING + 1, 2 ** 31, 2 ** 40 + 1, 2 ** 52];
    for (const seq of seqs) offers.offer(seq);
    offers.commit();
    for (const seq of seqs) {
      expect(offers.unclaimed()).toBe(seen(seq));
      expect(worker.claim()).toBe(seq);
    }
  });

  test('that a stranger has read count as claimed; of a part of one, the worker claims no other number', () => {
    for (const stolen of [8, 3, 8 + 5, 3 * 8]) {
      const offers = new OfferFile();
      const worker = workerOf(offers);
      offerAll(offers, 1, 4);
      offers.commit();
      readSync(offers.readFd, Buffer.alloc(stolen), 0, stolen, null);
      const next = 1 + Math.ceil(stolen / 8);
      expect(offers.unclaimed()).toBe(seen(next));
      if (stolen % 8 === 0) expect(worker.claim()).toBe(next);
      else expect(claimAll(worker).filter((seq) => [1, 2, 3, 4].includes(seq))).toEqual([]);
      offers.close();
    }
    offerAll(offers, 1, 4);
    offers.commit();
    readSync(offers.readFd, Buffer.alloc(3), 0, 3, null);
    expect(offers.recall()).toBe(2);
    offers.offer(5);
    offers.commit();
    expect(claimAll(worker)).toEqual([5]); // the recall took the rest of the part
  });

  test('a part of an offer at the end is not a number', () => {
    offers.offer(1);
    offers.commit();
    readSync(offers.readFd, Buffer.alloc(3), 0, 3, null);
    expect(worker.claim()).toBeNaN();
  });

  test('cannot be written by the worker', () => {
    expect(() => readFileSync(offers.readFd)).not.toThrow();
    expect(() => closeSync(openSync(`/proc/self/fd/${offers.readFd}`, 'r'))).not.toThrow();
    expect(fstatSync(offers.readFd).nlink).toBe(0);
    expect(fstatSync(offers.readFd).mode & 0o777).toBe(0o600);
    if (isLinux) expect(readFileSync(`/proc/self/fdinfo/${offers.readFd}`, 'utf8')).toMatch(/flags:\s+0\d*0\n/);
  });

  test('over a long life the file stays small, and an offer that is still open is never lost (G12)', () => {
    let mostBytes = 0;
    let frees = 0;
    for (let seq = 1; seq <= 200_000; seq += 4) {
      if (offers.isLong) {
        frees += 1;
        // The last one of the round before is still open.
        const first = offers.recall();
        expect(first).toBe(seq - 1);
        offers.offer(first);
        mostBytes = Math.max(mostBytes, fstatSync(offers.readFd).blocks * 512);
        expect(offers.isLong).toBe(false);
      }
      offerAll(offers, seq, seq + 3);
      offers.commit();
      for (let claim = seq === 1 ? 1 : 0; claim < 4; claim += 1) {
        const claimed = worker.claim();
        if (claimed !== seq - 1 + claim) throw new Error(`${claimed} was claimed instead of ${seq - 1 + claim}`);
      }
    }
    expect(frees).toBeGreaterThan(20);
    expect(mostBytes).toBeLessThan(128 * 1024);
    expect(worker.claim()).toBe(200_000);
  });

  describe.runIf(isLinux)('on a broken file', () => {
    test('stay with the parent if the file system is full, and can be recalled', () => {
      offers.offer(1);
      offers.commit();
      const fd = writeFd();
      closeSync(fd);
      expect(openSync('/dev/full', 'r+')).toBe(fd);
      offerAll(offers, 2, 4);
      expect(offers.commit()).toBe(false);
      expect(offers.commit()).toBe(false);
      expect(claimAll(worker)).toEqual([1]);
      expect(offers.unclaimed()).toBe(2);
      expect(offers.recall()).toBe(2);
      expect(offers.commit()).toBe(true); // nothing is left to write
    });

    test('count as not claimed if the parent cannot write any more', () => {
      const fd = writeFd();
      closeSync(fd);
      offerAll(offers, 1, 2);
      expect(offers.commit()).toBe(false);
      expect(offers.unclaimed()).toBe(1);
      expect(offers.recall()).toBe(1);
    });

    test('are unknown if the program has closed the descriptor', () => {
      offerAll(offers, 1, 2);
      offers.commit();
      closeSync(offers.readFd);
      expect(offers.recall()).toBeNaN();
      expect(offers.unclaimed()).not.toBe(1);
      expect(() => worker.claim()).toThrow('EBADF');
    });
  });

  test('repeat the last answer after the close, which is that of a recall', () => {
    offerAll(offers, 1, 3);
    offers.commit();
    worker.claim();
    const before = isLinux ? readdirSync('/proc/self/fd').length : 0;
    offers.unclaimed();
    offers.close();
    offers.close();
    expect([offers.unclaimed(), offers.recall()]).toEqual([2, 2]);
    if (isLinux) expect(readdirSync('/proc/self/fd').length).toBe(before - 2);
    offerAll(offers, 4, 5);
    expect(offers.commit()).toBe(true);
    expect([offers.unclaimed(), offers.recall()]).toEqual([2, 2]);
  });
});
