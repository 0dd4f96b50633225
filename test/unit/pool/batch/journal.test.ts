/**
 * A map with a journal over a disk that fails: at each call, by each error, in every way of
 * consuming the batch.
 */
import { describe, expect, test } from 'vitest';
import type { Batch, BatchOutcome } from '../../../../src/pool/batch/batch.js';
import { EverpoolError } from '../../../../src/shared/errors.js';
import { FakeCore } from '../../../kit/batch.js';
import { type DiskCall, MemoryJournals } from '../../../kit/journal.js';
import { isLong } from '../../../kit/long.js';

const PATH = '/the/journal';
const COUNT = isLong ? 12 : 7;
const items = Array.from({ length: COUNT }, (_, index) => index);

type Reported = { readonly index: number; readonly value: unknown };

/** Each returns what was reported before the error, and the error. */
const ways: Record<string, (batch: Batch<unknown>) => Promise<{ reported: Reported[]; error: unknown }>> = {
  await: async (batch) => {
    try {
      await batch;
    } catch (error) {
      return { reported: [], error };
    }
    return { reported: [], error: undefined };
  },
  catch: async (batch) => ({ reported: [], error: await batch.catch((error) => error) }),
  finally: async (batch) => ({ reported: [], error: await batch.finally(() => undefined).catch((error) => error) }),
  iteration: async (batch) => {
    const reported: Reported[] = [];
    try {
      for await (const value of batch) reported.push({ index: value as number, value });
    } catch (error) {
      return { reported, error };
    }
    return { reported, error: undefined };
  },
  'outcomes()': async (batch) => {
    const reported: Reported[] = [];
    try {
      for await (const outcome of batch.outcomes()) add(reported, outcome);
    } catch (error) {
      return { reported, error };
    }
    return { reported, error: undefined };
  },
  'settled()': async (batch) => {
    const reported: Reported[] = [];
    const outcomes = await batch.settled();
    for (const [index, outcome] of outcomes.entries()) add(reported, { ...outcome, index } as never);
    const last = outcomes.at(-1);
    return { reported, error: last?.status === 'rejected' ? last.reason : undefined };
  },
};

function add(reported: Reported[], outcome: BatchOutcome<unknown>): void {
  if (outcome.status === 'fulfilled') reported.push({ index: outcome.index, value: outcome.value });
}

/** The items of the whole lines that have survived. */
function onDisk(journals: MemoryJournals): number[] {
  const whole = (journals.files.get(PATH) ?? Buffer.alloc(0)).subarray(0, journals.synced.get(PATH) ?? 0).toString();
  return whole
    .split('\n')
    .slice(1, -1)
    .map((line) => (JSON.parse(line) as { i: number }).i);
}

function newCore(journals = new MemoryJournals()): FakeCore {
  const core = new FakeCore();
  core.answer = (item) => item;
  Object.assign(core, { journals });
  return core;
}

/** Of a map over a disk on which all is well. */
async function callsOfARun(consume: (batch: Batch<unknown>) => Promise<unknown>): Promise<DiskCall[]> {
  const core = newCore();
  await consume(core.map(items, { journal: PATH, bufferSize: 3 }));
  return core.journals.calls;
}

describe('a journal on a disk that fails', () => {
  for (const [name, consume] of Object.entries(ways)) {
    test(`${name}: whichever call fails, the batch fails with ERR_EVERPOOL_JOURNAL, reports only what is on the disk, and the next run goes on`, async () => {
      const calls = await callsOfARun(consume);
      expect(calls.length).toBeGreaterThan(6);
      for (let nth = 1; nth <= calls.length; nth += 1) {
        for (const code of isLong ? ['ENOSPC', 'EIO', 'EAGAIN'] : ['ENOSPC']) {
          const core = newCore();
          const { journals } = core;
          const cause = Object.assign(new Error(`${code}: it fails`), { code });
          let hasFailed = false;
          journals.onCall = (_call, count) => {
            if (count !== nth) return;
            hasFailed = true;
            throw cause;
          };
          const { reported, error } = await consume(core.map(items, { journal: PATH, bufferSize: 3 }));
          const what = `call ${nth} (${calls[nth - 1]}) fails with ${code}`;
          if (!hasFailed) continue; // on a busy machine more items share a write, so there were fewer
          expect(error, what).toBeInstanceOf(EverpoolError);
          expect(error, what).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL', cause });
          expect((error as Error).message, what).toContain(PATH);
          const written = new Set(onDisk(journals));
          for (const { index, value } of reported) {
            expect(written.has(index), `${what}: item ${index} is reported`).toBe(true);
            expect(value).toBe(index);
          }
          expect(core.inFlight, what).toEqual([]);
          expect(journals.openCount, what).toBe(0);
          journals.onCall = () => undefined;
          const again = newCore(journals);
          const begun: unknown[] = [];
          again.answer = (item) => {
            begun.push(item);
            return item;
          };
          expect(await again.map(items, { journal: PATH }), what).toEqual(items);
          for (const index of begun) expect(written.has(index as number), `${what}: item ${String(index)} runs again`).toBe(false);
        }
      }
    });
  }

  test('after a failed write nothing more is written, because it would follow a torn line', async () => {
    const core = newCore();
    const { journals } = core;
    journals.onCall = (call, nth) => {
      if (call === 'append' && nth > 3) throw new Error('once');
    };
    await ways['settled()']?.(core.map(items, { journal: PATH, bufferSize: 3 }));
    expect(journals.calls.filter((call) => call === 'append')).toHaveLength(2);
  });

  test('a disk that writes one byte at a time writes everything', async () => {
    const core = newCore();
    core.journals.portionOf = () => 1;
    expect(await core.map(items, { journal: PATH })).toEqual(items);
    expect(onDisk(core.journals).sort((a, b) => a - b)).toEqual(items);
  });

  test('a disk that writes nothing and says so fails the batch', async () => {
    const core = newCore();
    core.journals.portionOf = () => 0;
    expect((await ways['await']?.(core.map(items, { journal: PATH })))?.error).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL' });
  });

  test('a result that no line can hold fails the batch, and hangs nothing', async () => {
    const core = newCore();
    core.answer = () => () => 'a function, as no worker could send it';
    const { error } = (await ways['outcomes()']?.(core.map(items, { journal: PATH }))) ?? {};
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL' });
    expect(core.journals.openCount).toBe(0);
  });

  test('a batch that is cancelled while its journal opens ends once the journal is closed: the next batch may open it', async () => {
    const core = newCore();
    const batch = core.map(items, { journal: PATH });
    const failed = batch.catch((error) => error);
    await batch.cancel('no more');
    expect(await failed).toMatchObject({ reason: 'no more' });
    expect(await core.map(items, { journal: PATH })).toEqual(items);
  });

  test('a cancel does not hide that the journal fails', async () => {
    const core = newCore();
    core.obeys = false;
    core.answer = undefined;
    const batch = core.map([0, 1, 2], { journal: PATH });
    const failed = batch.catch((error) => error);
    while (core.submitted.length < 3) await new Promise((resolve) => setImmediate(resolve));
    core.journals.onCall = () => {
      throw new Error('the disk is lost');
    };
    core.resolve(0);
    void batch.cancel('no more');
    core.resolve(1);
    core.resolve(2);
    expect(await failed).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL' });
  });
});

describe('a file that is not a journal', () => {
  const head = '{"everpool":"journal","version":1,"task":"task"}\n';
  const line = (index: number): string => `{"i":${index},"k":"${'0'.repeat(16)}","ok":true,"a":1,"ms":1,"v":7}\n`;

  test.each([
    ['a text', 'my shopping list\n'],
    ['a text without an end', 'my shopping list'],
    ['JSON without an end', '{"name":"package","version":"1.0.0"}'],
    ['the beginning of some JSON', '{"name":"pack'],
    ['a number', '12'],
    ['null', 'null\n'],
    ['zeros', '\0'.repeat(5000)],
    ['UTF-16', Buffer.from(head, 'utf16le')],
    ['another version', '{"everpool":"journal","version":2,"task":"task"}\n'],
    ['the journal of another task', '{"everpool":"journal","version":1,"task":"other"}\n'],
    ['the unfinished head of another task', '{"everpool":"journal","version":1,"task":"oth'],
    ['a line that is no JSON', `${head}${line(0)}garbage\n${line(1)}`],
    ['zeros in the middle', `${head}${line(0)}\0\0\0\n${line(1)}`],
    ['a line in two', `${head}{"i":0,"k"\n${line(1)}`],
    ['two lines in one', `${head}{"i":0,"k":"00"${line(1)}`],
    ['a line that says null', `${head}null\n`],
    ['an index that is none', `${head}${line(0).replace('"i":0', '"i":-1.5')}`],
    ['bytes that are no text', Buffer.concat([Buffer.from(`${head}{"i":0,"k":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')])],
  ])('%s is refused, not touched, and nothing runs', async (_what, content) => {
    const core = newCore();
    const before = Buffer.from(content);
    core.journals.files.set(PATH, before);
    const { error } = (await ways['await']?.(core.map(items, { journal: PATH }))) ?? {};
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL' });
    expect(core.journals.files.get(PATH)).toBe(before);
    expect(core.submitted).toEqual([]);
  });

  test.each([
    ['an empty file', ''],
    ['an unfinished head', head.slice(0, 20)],
    ['a head without its end', head.slice(0, -1)],
    ['ends of lines from Windows', head.replace('\n', '\r\n')],
    ['a mark of the order of bytes', `\uFEFF${head}`],
    ['an unfinished line', `${head}{"i":0,"k":"0000`],
    ['a last line that power loss left as zeros', `${head}${'\0'.repeat(4096)}`],
  ])('%s is a journal without a finished item', async (_what, content) => {
    const core = newCore();
    core.journals.files.set(PATH, Buffer.from(content));
    expect(await core.map(items, { journal: PATH })).toEqual(items);
    const again = newCore(core.journals);
    again.answer = () => {
      throw new Error('it runs again');
    };
    expect(await again.map(items, { journal: PATH })).toEqual(items);
  });

  test('an editor may remove the end of the last line: its item is finished all the same', async () => {
    const core = newCore();
    await core.map(items, { journal: PATH, bufferSize: 1 });
    const { journals } = core;
    const whole = journals.text(PATH);
    journals.files.set(PATH, Buffer.from(whole.slice(0, -1)));
    const again = newCore(journals);
    again.answer = () => {
      throw new Error('it runs again');
    };
    expect(await again.map(items, { journal: PATH })).toEqual(items);
    expect(journals.text(PATH)).toBe(whole);
  });

  test('an item of another input never runs, not even again', async () => {
    for (const resume of ['missing', 'failed'] as const) {
      const core = newCore();
      core.journals.files.set(PATH, Buffer.from(`${head}${line(0).replace('true', 'false').replace(',"v":7', ',"c":[0,""]')}`));
      const begun: unknown[] = [];
      core.answer = (item) => begun.push(item);
      const { error } = (await ways['await']?.(core.map([0], { journal: PATH, resume }))) ?? {};
      expect((error as Error).message).toContain('another input');
      expect(begun).toEqual([]);
    }
  });

  test('a finished item that can no longer be read fails the batch', async () => {
    const core = newCore();
    await core.map(items, { journal: PATH });
    const { journals } = core;
    journals.files.set(PATH, Buffer.from(journals.text(PATH).replaceAll('"v":', '"c":["x"],"v":')));
    const { error } = (await ways['settled()']?.(newCore(journals).map(items, { journal: PATH }))) ?? {};
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_JOURNAL' });
  });

  test('lines of a journal that were never synced are synced before they are reported', async () => {
    const core = newCore();
    await core.map(items, { journal: PATH });
    const { journals } = core;
    journals.synced.set(PATH, 0); // the process ended between a write and its sync
    await newCore(journals).map(items, { journal: PATH });
    expect(journals.synced.get(PATH)).toBe(journals.files.get(PATH)?.length);
  });

  test('a line that is longer than one read is read', { timeout: 30_000 }, async () => {
    const core = newCore();
    const text = 'x'.repeat(isLong ? 6 << 20 : 1_100_000);
    core.answer = () => text;
    await core.map([0, 1], { journal: PATH });
    const again = newCore(core.journals);
    const values = await again.map([0, 1], { journal: PATH });
    expect(values.every((value) => value === text)).toBe(true);
  });
});
