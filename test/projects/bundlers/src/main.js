import { runProgram } from './program.js';

console.log(JSON.stringify(await runProgram(new URL('./tasks.js', import.meta.url))));
