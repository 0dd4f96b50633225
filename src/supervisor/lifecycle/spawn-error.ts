/** Why a process could not be started: what the system says of it, what that means here, and whether it may pass by itself. */
import { dirname } from 'node:path';

/** What a pool does not have to wait for: it stays as it is until somebody changes the program, its options or the machine. */
const LASTING: ReadonlySet<string> = new Set(['ERR_ACCESS_DENIED', 'E2BIG', 'EACCES', 'EISDIR', 'ENOENT', 'ENOEXEC', 'ENOTDIR', 'EPERM']);

const HINTS: Readonly<Record<string, string>> = {
  E2BIG: 'the options env, argv and execArgv, together with the environment of this process, are larger than the system takes',
  EACCES:
    'process.execPath may not be executed, or the folder of the option cwd not be entered, by this user or that of the options uid and gid',
  EAGAIN: 'the system allows this user or container no more processes: ulimit -u, or pids.max of the cgroup',
  EMFILE: 'this process has as many open files as it may have: ulimit -n',
  ENFILE: 'the system has as many open files as it may have',
  ENOENT: 'process.execPath or the folder of the option cwd does not exist',
  ENOMEM: 'the system has no memory for another process',
  ENOSPC: 'no space is left in /dev/shm nor in the folder for temporary files (TMPDIR): each worker needs a small file in one of them',
  ENOTDIR: 'the option cwd is no folder',
  EPERM: 'this user may not start processes as that of the options uid and gid',
  EROFS: 'neither /dev/shm nor the folder for temporary files (TMPDIR) can be written: each worker needs a small file in one of them',
};

interface SystemError {
  readonly code?: unknown;
  readonly message?: unknown;
  /** Of Node's permission model. */
  readonly permission?: unknown;
  readonly resource?: unknown;
}

export function spawnErrorText(error: Error): string {
  const { code, message } = error as SystemError;
  // Node writes the code before the text in most of these messages, not in all.
  const text = typeof code !== 'string' || error.message.includes(code) ? String(message) : `${code}: ${String(message)}`;
  const hint = code === 'ERR_ACCESS_DENIED' ? deniedText(error) : HINTS[String(code)];
  return hint === undefined ? text : `${text.replace(/\.$/, '')} (${hint})`;
}

/** It cannot change by itself. */
export function isLastingSpawnError(error: Error): boolean {
  return LASTING.has(String((error as SystemError).code));
}

/** Of an error of Node's permission model, in the parent or in a worker: the permission, the resource, and Node's option that gives it. */
export function deniedText(error: object): string {
  const { permission, resource } = error as SystemError;
  const path = typeof resource === 'string' ? resource : '';
  switch (permission) {
    case 'ChildProcess':
      return 'the permission ChildProcess is missing: start this program with --allow-child-process, as a pool starts processes';
    case 'FileSystemRead':
    case 'FileSystemWrite':
      return `the permission ${permission} is missing for ${path}${fileHint(permission, path)}`;
    case 'WorkerThreads':
      return 'the permission WorkerThreads is missing: --allow-worker';
    default:
      return `the permission ${String(permission)} is missing${path === '' ? '' : ` for ${path}`}`;
  }
}

function fileHint(permission: string, path: string): string {
  if (/[\\/]everpool-\d+-\w+$/.test(path)) {
    const folder = `${dirname(path)}/*`;
    const options = `--allow-fs-read=${folder} --allow-fs-write=${folder}`;
    return `: start this program with ${options}, as each worker needs a small file in /dev/shm or else in the folder for temporary files (TMPDIR)`;
  }
  return `: ${permission === 'FileSystemRead' ? '--allow-fs-read' : '--allow-fs-write'}=${path}`;
}
