/**
 * P12: whole jobs on real files, from the constructor of the pool to the last result, beside GNU
 * parallel and Python's multiprocessing.Pool on the same files. An outside contender is measured
 * from its start to its end.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processPeers, threadPeers } from '../contenders/index.js';
import { sum, usageOf } from '../tree.js';
import { workFiles } from '../work-files.js';
import { least } from './goals.js';

const IN_FLIGHT = 64;
const ITEMS_IN_FLIGHT = 512;
const JOB = fileURLToPath(new URL('../outside/job.js', import.meta.url));
const PYTHON_JOB = fileURLToPath(new URL('../outside/job.py', import.meta.url));
const PYTHON = 'Python Pool';
/** Debian's, as a version manager's is a script that costs time. */
const PYTHON_PROGRAM = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
const PARALLEL = 'GNU parallel';

const node = (...args) => [process.execPath, JOB, ...args].join(' ');
const parallel = (list, batch, command) => ['parallel', '--will-cite', '-j2', '-n', String(batch), '-a', list, command];
const python = (task) => (list) => [PYTHON_PROGRAM, PYTHON_JOB, task, list];

/** The batches of GNU parallel: a process for each file, or for several. */
const jobs = [
  {
    task: 'gzipAndHash',
    name: 'gzip',
    title: 'gzip and SHA-256 of 5,000 files of up to 200 KB',
    count: 5000,
    outside: {
      [PYTHON]: python('gzipAndHash'),
      [PARALLEL]: (list) => parallel(list, 1, 'gzip -c {} | wc -c > /dev/null; sha256sum {}'),
      [`${PARALLEL} -n 50`]: (list) => parallel(list, 50, 'gzip -c {} | wc -c > /dev/null; sha256sum {}'),
    },
    resultOf: (line) => Number.parseInt(line.slice(0, 6), 16),
  },
  {
    task: 'parseFile',
    name: 'parse',
    title: '3,000 JavaScript files parsed with acorn',
    count: 3000,
    outside: { [`${PARALLEL} -n 100`]: (list) => parallel(list, 100, node('parseFile', '{}')) },
  },
  {
    task: 'resizeImage',
    name: 'resize',
    title: '300 JPEG images of 1,600 × 1,200 pixels resized to 320 with sharp; in Python with Pillow',
    count: 300,
    outside: {
      [PYTHON]: python('resizeImage'),
      [`${PARALLEL} -n 25`]: (list) => parallel(list, 25, node('resizeImage', '{}')),
    },
  },
  {
    task: 'double',
    name: 'map',
    title: '1,000,000 numbers doubled; everpool by map with retries: 1, peers by run(), 512 in flight',
    count: 1_000_000,
    outside: {
      [PYTHON]: (_list, count) => [PYTHON_PROGRAM, PYTHON_JOB, 'double', String(count)],
      [`${PARALLEL} --pipe -N 50000`]: (_list, count) => [
        'sh',
        '-c',
        `seq 0 ${count - 1} | parallel --will-cite -j2 --pipe -N 50000 ${node('double')}`,
      ],
    },
  },
];

export const realWork = jobs.map(({ task, name, title, count, outside, resultOf = Number }) => {
  const outsiders = Object.keys(outside);
  const inputsOf = (isQuick) => (isQuick ? count / 10 : count);
  return {
    id: `P12 ${name}`,
    title,
    unit: 's',
    digits: 2,
    limitS: 240,
    quickLimitS: 60,
    rounds: 3,
    isLong: true,
    entries: ['everpool', ...processPeers, ...threadPeers, ...outsiders],
    extra: { CPU: 's', memory: 'MiB', sum: '' },
    extraDigits: { CPU: 2 },
    goals: [
      {
        text: '≤ the fastest of the other processes',
        ratio: (medians) => medians.everpool / least(medians, [...processPeers, ...outsiders]),
        atMost: 1,
      },
    ],
    /** Draws the images, so that no contender pays for it. */
    prepare: ({ isQuick }) => workFiles[task]?.(inputsOf(isQuick)),
    async measure({ entry, open, isQuick }) {
      const inputs = inputsOf(isQuick);
      const files = await workFiles[task]?.(inputs);
      const command = outside[entry];
      const { wallS, cpuS, peakMib, result } =
        command === undefined
          ? await usageOf(() => results(open, task, files ?? inputs, entry))
          : await usageOf(() => withList(files, (list) => outputOf(command(list, inputs), entry === PYTHON ? Number : resultOf)), {
              isApart: true,
            });
      if (entry !== PYTHON && result.length !== inputs) throw new Error(`${result.length} results of ${inputs}`);
      return { value: wallS, CPU: cpuS, memory: peakMib, sum: sum(result) };
    },
  };
});

/** Of the files, or of as many numbers. */
async function results(open, task, files, entry) {
  const { pool, run } = open();
  if (typeof files !== 'number') return inTurn(files.length, IN_FLIGHT, (index) => run(task, files[index]));
  if (entry !== 'everpool') return inTurn(files, ITEMS_IN_FLIGHT, (index) => run(task, index));
  return pool.map(task, Array(files).keys(), { retries: 1 });
}

async function inTurn(count, inFlight, call) {
  const list = new Array(count);
  let next = 0;
  const loop = async () => {
    while (next < count) {
      const index = next++;
      list[index] = await call(index);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return list;
}

async function withList(files, work) {
  const folder = mkdtempSync(join(tmpdir(), 'everpool-bench-'));
  const list = join(folder, 'files');
  writeFileSync(list, (files ?? []).map((file) => `${file}\n`).join(''));
  try {
    return await work(list);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The results on the lines of its output. */
function outputOf([program, ...args], resultOf) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`${program} is not installed`, { cause })));
    child.once('close', (code) => {
      if (code === 0) resolve(text.trimEnd().split('\n').map(resultOf));
      else reject(new Error(code === 127 ? 'a program is not installed' : `${program} ended with exit code ${code}`));
    });
  });
}
