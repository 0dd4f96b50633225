/**
 * The parent recalls offers while a real process claims them as fast as it can: every offer goes to
 * exactly one of them, whatever the system does at the same time (G5, G6).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { OfferFile } from '../../src/supervisor/node/offer-file.js';
import { Random } from '../../src/testing/random.js';

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

/** Claims one after the other, and prints each number that it reads, until it has claimed 0. */
const CLAIMS = `
const cell = new Float64Array(1);
const claimed = [];
for (;;) {
  const bytes = fs.readvSync(3, [cell]);
  if (bytes === 0) continue;
  if (bytes !== 8) throw new Error(bytes + ' bytes');
  if (cell[0] === -1) break;
  claimed.push(cell[0]);
  if (claimed.length === 1) process.stdout.write('{"claimed":');
}
process.stdout.write(JSON.stringify(claimed) + '}');
`;

test('each offer goes to one of two processes, in order, while one recalls and the other claims', async () => {
  const random = new Random(7);
  const offers = new OfferFile();
  child = spawn(process.execPath, ['-e', CLAIMS], { stdio: ['ignore', 'pipe', 'inherit', offers.readFd] });
  let text = '';
  child.stdout?.on('data', (chunk) => (text += chunk));
  const ended = once(child, 'close');
  offers.offer(1);
  offers.commit();
  while (text === '') await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');

  const withdrawn: number[] = [];
  let open: number[] = []; // offered, and perhaps claimed
  let last = 1;
  let races = 0;
  for (let round = 0; round < 20_000; round += 1) {
    for (let count = random.integer(1, 6); count > 0 && open.length < 500; count -= 1) {
      last += 1;
      offers.offer(last);
      open.push(last);
    }
    if (random.chance(0.8)) expect(offers.commit()).toBe(true);
    const seen = random.chance(0.3) ? offers.unclaimed() : undefined;
    if (!random.chance(0.5) && !offers.isLong) continue;
    const first = offers.recall();
    if (seen !== undefined && first < seen) throw new Error(`${first} was unclaimed after ${seen} was the first`);
    const unclaimed = open.filter((seq) => seq >= first);
    if (unclaimed.length > 0 && unclaimed.length < open.length) races += 1;
    open = [];
    for (const seq of unclaimed) {
      if (random.chance(0.5)) {
        offers.offer(seq);
        open.push(seq);
      } else withdrawn.push(seq);
    }
  }
  offers.commit();
  offers.offer(-1); // the end
  offers.commit();
  await ended;
  offers.close();
  const { claimed } = JSON.parse(text) as { claimed: number[] };
  expect(claimed.every((seq, index) => index === 0 || seq > (claimed[index - 1] as number))).toBe(true);
  const taken = [...claimed, ...withdrawn].sort((a, b) => a - b);
  expect(taken.length).toBe(last);
  expect(taken.findIndex((seq, index) => seq !== index + 1)).toBe(-1);
  // Otherwise nothing was shown.
  expect([races > 50, claimed.length > 1000, withdrawn.length > 1000]).toEqual([true, true, true]);
});

const script = fileURLToPath(new URL('../fixtures/worker/fills-offers.ts', import.meta.url));
const mount = ['-m', 'sh', '-c', 'mount -t tmpfs -o size=8k tmpfs /dev/shm && exec "$0" "$@"'];
const mayMount = spawnSync('unshare', [...mount, 'true']).status === 0;

test.runIf(mayMount)('a file system that is full takes some offers or none: the others stay unclaimed (needs root, to mount one)', () => {
  const { stdout, stderr } = spawnSync('unshare', [...mount, process.execPath, '--import', 'tsx', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  // One page is there. The second is not.
  expect(JSON.parse(stdout)).toEqual({
    isOnMount: true,
    commits: [true, false, false],
    claimed: 512,
    unclaimed: 513,
    recalled: 513,
    last: [600, 0],
  });
});
