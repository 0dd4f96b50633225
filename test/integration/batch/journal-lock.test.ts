/**
 * A journal belongs to one map at a time: another map is refused, unless the process of the first
 * has ended.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EverpoolError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as JournalTasks from '../../fixtures/journal-tasks.js';
import { fixture, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

const isLinux = process.platform === 'linux';
const TICKETS = isLinux ? '/dev/shm' : tmpdir();

interface Holder {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<{ results?: number; code?: string; message?: string }>;
  readonly isHolding: () => boolean;
}

function start(journal: string, starts: string, count: number, ms: number): Holder {
  const argv = [fileURLToPath(fixture('program-holds-journal.js')), journal, starts, String(count), String(ms)];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = new Promise<Awaited<Holder['ended']>>((resolve) => {
    child.once('close', () => resolve(JSON.parse(text.split('\n').find((line) => line.startsWith('{')) ?? '{}')));
  });
  return { child, pid: child.pid as number, ended, isHolding: () => text.startsWith('holding') };
}

async function holder(journal: string, starts: string): Promise<Holder> {
  const one = start(journal, starts, 1000, 5);
  await until('it holds the journal', one.isHolding);
  return one;
}

async function end({ child, ended }: Holder, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  child.kill(signal);
  await ended;
}

interface Place {
  readonly folder: string;
  readonly journal: string;
  readonly starts: string;
  /** The last item comes when `mayEnd` has settled. */
  readonly map: (path: string, count?: number, mayEnd?: Promise<void>) => PromiseLike<unknown[]>;
}

function place(): Place {
  const folder = newFolder();
  const starts = `${folder}/starts`;
  const pool = newPool<typeof JournalTasks>({ module: fixture('journal-tasks.js') });
  async function* items(count: number, mayEnd?: Promise<void>): AsyncGenerator<[string, number, number]> {
    for (let index = 0; index < count; index += 1) {
      if (index === count - 1) await mayEnd;
      yield [starts, index, 5];
    }
  }
  return {
    folder,
    journal: `${folder}/journal.ndjson`,
    starts,
    map: (path, count = 1000, mayEnd) => pool.starmap('work', items(count, mayEnd), { journal: path }),
  };
}

async function refusal(promise: PromiseLike<unknown>): Promise<string> {
  const error = await rejection(promise);
  expect(error).toBeInstanceOf(EverpoolError);
  expect(error['code']).toBe('ERR_EVERPOOL_JOURNAL');
  return error.message;
}

const tickets = (): string[] => readdirSync(TICKETS).filter((name) => name.startsWith('everpool-journal-'));

describe('a journal that is in use', () => {
  useKit();

  test('a second process is refused with the pid of the first, and writes nothing; after a SIGKILL of the first the journal is free', async () => {
    const { journal, starts, map } = place();
    const first = await holder(journal, starts);
    // So that it writes nothing: only the second could change the file now.
    first.child.kill('SIGSTOP');
    await until('nothing is written any more', async () => {
      const { size } = statSync(journal);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return statSync(journal).size === size;
    });
    const torn = `${readFileSync(journal, 'utf8')}{"i":`; // as if it were in the middle of a line
    writeFileSync(journal, torn);
    const before = statSync(journal, { bigint: true });
    expect(await refusal(map(journal))).toContain(`by process ${first.pid}`);
    expect(readFileSync(journal, 'utf8')).toBe(torn);
    expect(statSync(journal, { bigint: true }).mtimeNs).toBe(before.mtimeNs);
    truncateSync(journal, Number(before.size) - 5);
    await end(first);
    const done = linesOf(journal).length - 1;
    const startedBefore = linesOf(starts).length;
    expect(await map(journal)).toHaveLength(1000);
    expect(linesOf(starts).length - startedBefore).toBe(1000 - done);
  });

  test('links and other paths lead to the same journal', async () => {
    const { folder, journal, starts, map } = place();
    const first = await holder(journal, starts);
    mkdirSync(`${folder}/elsewhere`);
    symlinkSync(journal, `${folder}/symbolic`);
    symlinkSync('symbolic', `${folder}/symbolic-again`);
    symlinkSync(folder, `${folder}/elsewhere/up`);
    linkSync(journal, `${folder}/hard`);
    linkSync(journal, `${folder}/elsewhere/harder`);
    const paths = [
      `${folder}/symbolic`,
      `${folder}/symbolic-again`,
      `${folder}/hard`,
      `${folder}/elsewhere/harder`,
      `${folder}/elsewhere/up/journal.ndjson`,
      `${folder}/elsewhere/../journal.ndjson`,
      relative(process.cwd(), journal),
      new URL(`file://${realpathSync(journal)}`).href,
      ...(isLinux ? [`/proc/self/root${realpathSync(journal)}`] : []),
    ];
    for (const path of paths) expect(await refusal(map(path)), path).toContain(`by process ${first.pid}`);
    await end(first);
    expect(await map(`${folder}/elsewhere/harder`)).toHaveLength(1000);
  });

  test('another map of the same process is refused too, by any path, until the first has ended', async () => {
    const { folder, journal, starts, map } = place();
    writeFileSync(journal, '');
    linkSync(journal, `${folder}/hard`);
    let goOn = (): void => undefined;
    const refused = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const first = map(journal, 30, refused);
    const started = first.then((values) => values.length);
    await until('it writes', () => linesOf(starts).length > 0);
    expect(await refusal(map(`${folder}/hard`, 30))).toContain('by another map of this process');
    goOn();
    expect(await started).toBe(30);
    expect(await map(`${folder}/hard`, 30)).toHaveLength(30);
    expect(tickets().filter((name) => name.includes(`-${statSync(journal).ino}-`))).toEqual([]);
  });

  test.runIf(isLinux)('a process with the pid of an ended one does not hold the journal', async () => {
    const { journal, starts, map } = place();
    const first = await holder(journal, starts);
    const [ticket] = tickets().filter((name) => name.includes(`-${first.pid}-`));
    await end(first);
    expect(existsSync(`${TICKETS}/${ticket}`)).toBe(true);
    const other = spawn('sleep', ['60']);
    // As if the system had reused the pid.
    const forged = (ticket as string).replace(`-${first.pid}-`, `-${other.pid}-`);
    writeFileSync(`${TICKETS}/${forged}`, '');
    expect(await map(journal)).toHaveLength(1000);
    // The remains of dead processes were removed.
    expect(existsSync(`${TICKETS}/${ticket}`)).toBe(false);
    expect(existsSync(`${TICKETS}/${forged}`)).toBe(false);
    other.kill('SIGKILL');
    await new Promise((resolve) => other.once('exit', resolve));
  });

  test('of many processes that start when the holder was killed, one goes on, the others are refused, and no item starts twice', async () => {
    const { journal, starts, map } = place();
    await map(journal, 10);
    const first = await holder(journal, starts);
    await end(first);
    const done = linesOf(journal).length - 1;
    const startedBefore = linesOf(starts).length;
    const all = Array.from({ length: 6 }, () => start(journal, starts, 1000, 5));
    const ends = await Promise.all(all.map(({ ended }) => ended));
    expect(ends.some(({ results }) => results === 1000)).toBe(true);
    for (const { results, code, message } of ends) {
      if (results === undefined) expect(message).toMatch(/by process \d+/);
      expect([results, code]).toEqual(results === undefined ? [undefined, 'ERR_EVERPOOL_JOURNAL'] : [1000, undefined]);
    }
    expect(linesOf(starts).length - startedBefore).toBe(1000 - done);
  });
});
