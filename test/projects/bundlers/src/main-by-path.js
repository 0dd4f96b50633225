// For CommonJS, which has no import.meta.
import { join } from 'node:path';
import { runProgram } from './program.js';

void runProgram(join(__dirname, 'tasks.js')).then((results) => console.log(JSON.stringify(results)));
