// The same for CommonJS.
import { isWorker } from 'everpool/worker';
import { runProgram } from './program.js';

export * from './tasks.js';

if (!isWorker) void runProgram(__filename).then((results) => console.log(JSON.stringify(results)));
