/** Files that cannot be journals, and full disks: the batch fails, in every way of consuming it. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Batch } from 'everpool';
import { EverpoolError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as JournalTasks from '../../fixtures/journal-tasks.js';
import { fixture, linesOf, newFolder, newPool, useKit } from '../../kit/pools.js';

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';

/** The number of results and the error of each way of consuming a batch. */
const ways: Record<string, (batch: Batch<unknown>) => Promise<{ results: number; error: unknown }>> = {
  await: async (batch) => {
    try {
      await batch;
    } catch (error) {
      return { results: 0, error };
    }
    return { results: 0, error: undefined };
  },
  catch: async (batch) => ({ results: 0, error: await batch.catch((error) => error) }),
  finally: async (batch) => ({ results: 0, error: await batch.finally(() => undefined).catch((error) => error) }),
  iteration: (batch) => counted(batch),
  'outcomes()': (batch) => counted(batch.outcomes(), ({ status }) => status === 'fulfilled'),
  'settled()': async (batch) => {
    const outcomes = await batch.settled();
    const last = outcomes.at(-1);
    const results = outcomes.filter(({ status }) => status === 'fulfilled').length;
    return { results, error: last?.status === 'rejected' ? last.reason : undefined };
  },
};

async function counted<T>(
  list: AsyncIterable<T>,
  counts: (value: T) => boolean = () => true,
): Promise<{ results: number; error: unknown }> {
  let results = 0;
  try {
    for await (const value of list) if (counts(value)) results += 1;
  } catch (error) {
    return { results, error };
  }
  return { results, error: undefined };
}

function place(): { folder: string; starts: string; map: (journal: string, count?: number) => Batch<unknown> } {
  const folder = newFolder();
  const starts = `${folder}/starts`;
  const pool = newPool<typeof JournalTasks>({ module: fixture('journal-tasks.js') });
  return {
    folder,
    starts,
    map: (journal, count = 20) =>
      pool.starmap(
        'work',
        Array.from({ length: count }, (_, index): [string, number, number] => [starts, index, 0]),
        { journal },
      ),
  };
}

/** Nothing runs, and every way of consuming the batch says why. */
async function isRefused(map: (journal: string) => Batch<unknown>, journal: string, starts: string, text: RegExp): Promise<void> {
  for (const [name, consume] of Object.entries(ways)) {
    const { results, error } = await consume(map(journal));
    expect(error, name).toBeInstanceOf(EverpoolError);
    expect(error, name).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL', message: expect.stringMatching(text) });
    expect((error as Error).message).toContain(journal);
    expect(results, name).toBe(0);
  }
  expect(linesOf(starts)).toEqual([]);
}

describe('a file that cannot be a journal', () => {
  useKit();

  test('a damaged journal, one of another task, or another file is refused in every way of consuming the batch, and not changed', async () => {
    const { folder, starts, map } = place();
    const head = '{"everpool":"journal","version":1,"task":"work"}\n';
    for (const [content, text] of [
      [`${head}garbage\n`, /damaged: line 2/],
      [head.replace('work', 'other'), /belongs to the task 'other'/],
      ['my shopping list\n', /not a journal, or is damaged/],
      ['{"scripts":{}}', /not a journal \(unexpected first line\)/],
    ] as const) {
      const journal = `${folder}/journal`;
      writeFileSync(journal, content);
      await isRefused(map, journal, starts, text);
      expect(readFileSync(journal, 'utf8')).toBe(content);
    }
  });

  test('folders, pipes, sockets, devices, loops and paths that lead nowhere are refused without waiting', async () => {
    const { folder, starts, map } = place();
    await isRefused(map, folder, starts, /is a folder/);
    await isRefused(map, `${folder}/no/such/folder`, starts, /ENOENT/);
    await isRefused(map, `${folder}/${'x'.repeat(300)}`, starts, /ENAMETOOLONG/);
    writeFileSync(`${folder}/file`, '');
    await isRefused(map, `${folder}/file/below`, starts, /ENOTDIR/);
    symlinkSync('loop', `${folder}/loop`);
    await isRefused(map, `${folder}/loop`, starts, /ELOOP/);
    execFileSync('mkfifo', [`${folder}/pipe`]);
    await isRefused(map, `${folder}/pipe`, starts, /is a pipe/);
    for (const device of ['/dev/null', '/dev/zero', ...(isLinux ? ['/dev/full'] : [])]) await isRefused(map, device, starts, /is a device/);
    const server = createServer().listen(`${folder}/socket`);
    await new Promise((resolve) => server.once('listening', resolve));
    await isRefused(map, `${folder}/socket`, starts, /is a socket/);
    await new Promise((resolve) => server.close(resolve));
  });

  test.skipIf(isRoot)('a file that may not be read or written is refused (skipped as root, who may do anything)', async () => {
    const { folder, starts, map } = place();
    for (const mode of [0o000, 0o200, 0o400]) {
      const journal = `${folder}/of-mode-${mode.toString(8)}`;
      writeFileSync(journal, '');
      chmodSync(journal, mode);
      await isRefused(map, journal, starts, /EACCES/);
    }
    mkdirSync(`${folder}/closed`);
    chmodSync(`${folder}/closed`, 0o500);
    await isRefused(map, `${folder}/closed/journal`, starts, /EACCES/);
  });

  test('the unfinished end of a line is cut off exactly, wherever it was torn', async () => {
    const { folder, map } = place();
    const journal = `${folder}/journal`;
    await map(journal, 3);
    const whole = readFileSync(journal);
    const lastLine = whole.lastIndexOf(0x0a, whole.length - 2) + 1;
    for (let size = 0; size < whole.length; size += size > 60 && size < lastLine ? 17 : 5) {
      writeFileSync(journal, whole);
      truncateSync(journal, size);
      expect(await map(journal, 3)).toHaveLength(3);
      const lines = readFileSync(journal, 'utf8').split('\n');
      expect(lines.pop()).toBe('');
      expect(lines.slice(1).map((line) => (JSON.parse(line) as { i: number }).i)).toHaveLength(3);
    }
  });
});

describe('a disk that is full', () => {
  useKit();

  test.runIf(isLinux)(
    'at a limit in the middle of a line: reported items are on the disk, the error is reported, and later the map goes on',
    async () => {
      const folder = newFolder();
      const kilobytes = 33;
      const [journal, starts] = [`${folder}/journal`, `${folder}/starts`];
      const program = fileURLToPath(fixture('program-holds-journal.js'));
      // Each line is about 80 bytes long, and the control file of a worker needs some 20 KB.
      const child = spawn(
        'bash',
        ['-c', `ulimit -f ${kilobytes}; exec "$0" "$@"`, process.execPath, program, journal, starts, '700', '0'],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += String(chunk);
      });
      await new Promise((resolve) => child.once('close', resolve));
      expect(JSON.parse(text.split('\n')[1] as string)).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL', cause: 'EFBIG' });
      expect(statSync(journal).size).toBe(kilobytes * 1024);
      await goesOn(journal, starts);
    },
  );

  test.runIf(isLinux && isRoot)('a file system without space (needs root, to mount one)', async () => {
    const folder = newFolder();
    const disk = `${folder}/disk`;
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', disk]);
    try {
      const pool = newPool<typeof JournalTasks>({ module: fixture('journal-tasks.js') });
      for (const [name, consume] of Object.entries(ways)) {
        const [journal, starts] = [`${disk}/journal`, `${folder}/starts-of-${name}`];
        const items = Array.from({ length: 700 }, (_, index): [string, number, number] => [starts, index, 0]);
        const { results, error } = await consume(pool.starmap('work', items, { journal }));
        expect(error, name).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL', cause: expect.objectContaining({ code: 'ENOSPC' }) });
        const whole = readFileSync(journal, 'utf8').split('\n').length - 2;
        expect(results, name).toBeLessThanOrEqual(whole);
        if (name === 'settled()' || name === 'outcomes()') expect(results).toBeGreaterThan(0);
        execFileSync('mount', ['-o', 'remount,size=1m', disk]);
        await goesOn(journal, starts);
        truncateSync(journal, 0);
        execFileSync('mount', ['-o', 'remount,size=16k', disk]);
      }
      await pool.close();
    } finally {
      execFileSync('umount', [disk]);
    }
    expect(existsSync(`${disk}/journal`)).toBe(false);
  });

  /** Only items that are not on the disk run again. */
  async function goesOn(journal: string, starts: string): Promise<void> {
    const kept = readFileSync(journal, 'utf8').split('\n').length - 2;
    const startedBefore = linesOf(starts).length;
    const pool = newPool<typeof JournalTasks>({ module: fixture('journal-tasks.js') });
    const items = Array.from({ length: 700 }, (_, index): [string, number, number] => [starts, index, 0]);
    const results = await pool.starmap('work', items, { journal });
    expect(results).toEqual(items.map(([, index]) => ({ index, square: index * index })));
    expect(linesOf(starts).length - startedBefore).toBe(700 - kept);
    await pool.close();
  }
});
