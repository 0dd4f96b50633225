/** A map with a journal goes on where it was, after a crash, a failure or its end. */
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OptionsError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as JournalTasks from '../../fixtures/journal-tasks.js';
import { fixture, isRunning, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

const journalling = (options = {}) => newPool<typeof JournalTasks>({ module: fixture('journal-tasks.js'), ...options });

function place(): { journal: string; starts: string; items: (count: number, ms?: number) => [string, number, number][] } {
  const folder = newFolder();
  const starts = `${folder}/starts`;
  return {
    journal: `${folder}/journal.ndjson`,
    starts,
    items: (count, ms = 0) => Array.from({ length: count }, (_, index) => [starts, index, ms]),
  };
}

/** `npm run test:chaos` takes a hundred. */
const KILLS = process.env['EVERPOOL_CHAOS'] === 'long' ? 100 : 12;

describe('journal', () => {
  useKit();

  test('items in the journal do not run again, and their results come from it', async () => {
    const { journal, starts, items } = place();
    const pool = journalling();
    const expected = items(30).map(([, index]) => ({ index, square: index * index }));
    expect(await pool.starmap('work', items(30), { journal })).toEqual(expected);
    expect(linesOf(starts)).toHaveLength(30);
    for (let time = 0; time < 2; time += 1) expect(await pool.starmap('work', items(30), { journal })).toEqual(expected);
    expect(await pool.starmap('work', items(30), { journal, ordered: false }).settled()).toHaveLength(30);
    expect(linesOf(starts)).toHaveLength(30);
    const [head, first] = linesOf(journal);
    expect(JSON.parse(head as string)).toEqual({ everpool: 'journal', version: 1, task: 'work' });
    expect(JSON.parse(first as string)).toMatchObject({ ok: true, a: 1, v: { index: expect.any(Number) } });
    // The input may be longer than before: only the new items run.
    expect(await pool.starmap('work', items(33), { journal })).toHaveLength(33);
    expect(linesOf(starts)).toHaveLength(33);
  });

  test('every kind of value comes back from the journal as it was', async () => {
    const { journal } = place();
    const pool = journalling();
    const indexes = Array.from({ length: 9 }, (_, index) => index);
    const fresh = await pool.map('values', indexes, { journal });
    const again = await pool.map('values', indexes, { journal });
    expect(again).toEqual(fresh);
    expect(Object.is(again[2], -0)).toBe(true);
    expect(again[4]).toEqual(new Map([[4, Buffer.from('x')]]));
    expect(pool.stats().submitted).toBe(9);
  });

  test("failed items stay failed, and run again with resume: 'failed'", async () => {
    const { journal, starts } = place();
    const items = Array.from({ length: 9 }, (_, index): [string, number] => [starts, index]);
    const failing = journalling({ env: { EVERPOOL_FAILS: '1' } });
    const first = await failing.starmap('sometimes', items, { journal }).settled();
    expect(first.map(({ status }) => status === 'rejected')).toEqual(items.map(([, index]) => index % 3 === 0));
    const pool = journalling();
    const again = await pool.starmap('sometimes', items, { journal }).settled();
    expect(again.map(({ status }) => status)).toEqual(first.map(({ status }) => status));
    const [failure] = again;
    expect(failure).toMatchObject({ status: 'rejected', reason: expect.any(RangeError) });
    expect(linesOf(starts)).toHaveLength(9);
    expect(await pool.starmap('sometimes', items, { journal, resume: 'failed' })).toEqual(items.map(([, index]) => index));
    expect(linesOf(starts)).toHaveLength(12);
    expect(await pool.starmap('sometimes', items, { journal })).toHaveLength(9);
    expect(linesOf(starts)).toHaveLength(12);
  });

  test('cancelled items are not in the journal, and run the next time', async () => {
    const { journal, starts, items } = place();
    const pool = journalling();
    const batch = pool.starmap('work', items(20, 20), { journal, bufferSize: 4 });
    const failed = rejection(batch);
    await until('some are done', () => batch.progress.done >= 4);
    await batch.cancel('later');
    await failed;
    const done = linesOf(journal).length - 1;
    expect(done).toBeGreaterThanOrEqual(4);
    const before = linesOf(starts).length;
    expect(await pool.starmap('work', items(20, 20), { journal })).toHaveLength(20);
    expect(linesOf(starts).length - before).toBe(20 - done);
  });

  test('a torn last line is dropped, and its item runs again', async () => {
    const { journal, starts, items } = place();
    const pool = journalling();
    await pool.starmap('work', items(10), { journal });
    const { size } = statSync(journal);
    truncateSync(journal, size - 5);
    expect(await pool.starmap('work', items(10), { journal })).toHaveLength(10);
    expect(linesOf(starts)).toHaveLength(11);
    expect(readFileSync(journal, 'utf8').endsWith('}\n')).toBe(true);
    for (const line of linesOf(journal)) JSON.parse(line);
  });

  test('a journal of another input, another task, another kind, or a damaged one is refused, and nothing runs', async () => {
    const { journal, starts, items } = place();
    const pool = journalling();
    await pool.starmap('work', items(10), { journal });
    const size = linesOf(starts).length;
    const refused = async (name: 'work' | 'sometimes', list: readonly unknown[], text: RegExp): Promise<void> => {
      const error = await rejection(pool.starmap(name, list as never, { journal }));
      expect(error).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL' });
      expect(error.message).toMatch(text);
    };
    await refused('work', items(10, 1), /another input: its item 0/);
    await refused('work', items(4), /another input: it holds item 9, and there are 4/);
    await refused('sometimes', items(10), /belongs to the task 'work'/);
    appendFileSync(journal, 'garbage\n{"i":3}\n');
    await refused('work', items(10), /line 12 is not JSON/);
    writeFileSync(journal, 'my shopping list\n');
    await refused('work', items(10), /not a journal/);
    expect(readFileSync(journal, 'utf8')).toBe('my shopping list\n');
    expect(linesOf(starts)).toHaveLength(size);
    expect(await rejection(pool.starmap('work', items(1), { journal: `${starts}/no/such/folder` }))).toMatchObject({
      code: 'ERR_EVERPOOL_JOURNAL',
      cause: expect.objectContaining({ code: 'ENOTDIR' }),
    });
    expect(() => pool.starmap('work', items(1), { resume: 'failed' })).toThrow(OptionsError);
    expect(() => pool.starmap('work', items(1), { journal: 7 as never })).toThrow(OptionsError);
  });

  test('two maps of one process cannot write the same journal', async () => {
    const { journal, starts, items } = place();
    const pool = journalling();
    let goOn = (): void => undefined;
    const refused = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* input(): AsyncGenerator<[string, number, number]> {
      yield* items(9);
      await refused;
      yield* items(10).slice(9);
    }
    const first = pool.starmap('work', input(), { journal });
    await until('the first one writes', () => linesOf(starts).length > 0);
    const second = await rejection(pool.starmap('work', items(10), { journal }));
    expect(second.message).toContain('another map');
    goOn();
    expect(await first).toHaveLength(10);
    expect(await pool.starmap('work', items(10), { journal })).toHaveLength(10);
  });

  test('the parent is SIGKILLed again and again: reported items never run again, and finally every item is there once', async () => {
    const { journal, starts } = place();
    const reported = `${starts}-reported`;
    const pids = `${starts}-pids`;
    let kills = 0;
    let count = 100;
    for (let isComplete = false; !isComplete; ) {
      const before = new Set(linesOf(reported));
      const startedBefore = linesOf(starts).length;
      const argv = [fileURLToPath(fixture('program-with-journal.js')), journal, starts, reported, String(count), pids];
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      // At any moment: before it works, while it works, as it ends. If it is done too soon, it gets
      // more items.
      if (kills < KILLS) {
        const [file, more] = (
          [
            [pids, 1],
            [pids, 2],
            [starts, 1 + Math.floor(Math.random() * 30)],
            [reported, 1 + Math.floor(Math.random() * 30)],
          ] as const
        )[Math.floor(Math.random() * 4)] as readonly [string, number];
        const there = linesOf(file).length;
        await until(
          'it has come far enough',
          () => linesOf(file).length >= there + more || child.exitCode !== null || child.signalCode !== null,
        );
        child.kill('SIGKILL');
      }
      await ended;
      if (child.signalCode === 'SIGKILL') kills += 1;
      // Its workers may outlive it for a moment (G8): no start of theirs may be taken for one of
      // the next round.
      await until('its workers have ended', () => !linesOf(pids).some((pid) => isRunning(Number(pid))));
      rmSync(pids, { force: true });
      for (const index of linesOf(starts).slice(startedBefore)) expect(before.has(index), `item ${index} ran again`).toBe(false);
      isComplete = linesOf(reported).includes('complete') && kills >= KILLS;
      if (linesOf(reported).includes('complete') && kills < KILLS) {
        writeFileSync(
          reported,
          `${linesOf(reported)
            .filter((line) => line !== 'complete')
            .join('\n')}\n`,
        );
        count += 100;
      }
    }
    const done = linesOf(journal)
      .slice(1)
      .map((line) => JSON.parse(line) as { i: number; ok: boolean });
    expect(done.map(({ i }) => i).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(done.every(({ ok }) => ok)).toBe(true);
    console.log(`${kills} kills, ${count} items, ${linesOf(starts).length} starts`);
  });
});
