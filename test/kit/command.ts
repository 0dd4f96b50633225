/**
 * Runs the command in a real shell, with pipes, files and signals. In a script `$E` is the command,
 * `$T` its task module.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fixture, newFolder } from './pools.js';

export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
export const tasks = fileURLToPath(fixture('command-tasks.js'));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** The lines of stdout. */
  readonly lines: { index: number; ok: boolean; value?: unknown; error?: { name: string; message: string }; attempts: number }[];
}

export function start(
  script: string,
  folder: string,
  stdin: 'ignore' | 'pipe' = 'ignore',
): { child: ChildProcess; ended: Promise<Ended>; out: () => string; err: () => string } {
  const env = { ...process.env, E: `node ${main}`, T: tasks, FORCE_COLOR: '0' };
  const child = spawn('/bin/bash', ['-c', script], { cwd: folder, env, stdio: [stdin, 'pipe', 'pipe'], detached: true });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    err += String(chunk);
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      const lines = out
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
      resolve({ code, out, err, lines });
    });
  });
  return { child, ended, out: () => out, err: () => err };
}

export const shell = (script: string, folder = newFolder()): Promise<Ended> => start(script, folder).ended;
