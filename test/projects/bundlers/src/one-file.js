// The program is its own task module: the worker loads the same file, and the guard keeps it from being a program there.
import { isWorker } from 'everpool/worker';
import { runProgram } from './program.js';

export * from './tasks.js';

if (!isWorker) console.log(JSON.stringify(await runProgram(import.meta.url)));
