/**
 * One measurement, in a process of its own: `node measure.js <row> <entry> [quick]` prints one line
 * of JSON as the last line of its output. The process then exits abruptly; the process that started
 * it ends whatever the contender left running.
 */
import { writeSync } from 'node:fs';
import { opener } from './contenders/index.js';
import { rows } from './rows/index.js';

const [id, entry, speed] = process.argv.slice(2);
const row = rows.find((candidate) => candidate.id === id);

// The suite holds the other end; without the suite nobody waits for the result.
process.stdin.on('end', () => process.exit(1)).resume();

const open = await opener(entry);
const figures = await row.measure({ entry, open, isQuick: speed === 'quick' });
writeSync(1, `\n${JSON.stringify(figures)}\n`);
process.exit(0);
