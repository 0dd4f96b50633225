/**
 * A job of P12 for GNU parallel: `node job.js <task> [file …]` prints a result for each file, or for
 * each number on its standard input.
 */
import { readFileSync } from 'node:fs';
import * as tasks from '../tasks.js';

const functions = { ...tasks };
const [name, ...files] = process.argv.slice(2);
const inputs = files.length > 0 ? files : readFileSync(0, 'latin1').trimEnd().split('\n').map(Number);
const results = [];
for (const input of inputs) results.push(await functions[name](input));
console.log(results.join('\n'));
