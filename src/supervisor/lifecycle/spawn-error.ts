/**
 * Explains why a process could not be started: the system's error, what it means for a pool, and
 * whether waiting can help.
 */
import { dirname } from 'node:path';

/** Errors that last until somebody changes the program, its options or the machine. */
const LASTING: ReadonlySet<string> = new Set(['ERR_ACCESS_DENIED', 'E2BIG', 'EACCES', 'EISDIR', 'ENOENT', 'ENOEXEC', 'ENOTDIR', 'EPERM']);

const HINTS: Readonly<Record<string, string>> = {
  E2BIG: "the options env, argv and execArgv and this process's environment together exceed the system's limit",
  EACCES: 'the user (of this process, or of uid and gid) may not execute execPath or enter the folder in cwd',
  EAGAIN: 'this user or container has reached its limit of processes: see ulimit -u, or pids.max of the cgroup',
  EMFILE: 'this process has reached its limit of open files: see ulimit -n',
  ENFILE: 'the system has reached its limit of open files',
  ENOENT: 'execPath or the folder in cwd does not exist',
  ENOMEM: 'the system has no memory for another process',
  ENOSPC: '/dev/shm and the temporary folder (TMPDIR) are full: each worker needs a small file in one of them',
  ENOTDIR: 'cwd is not a folder',
  EPERM: 'this user may not start processes as the user in uid and gid',
  EROFS: 'neither /dev/shm nor the temporary folder (TMPDIR) is writable: each worker needs a small file in one of them',
};

interface SystemError {
  readonly code?: unknown;
  readonly message?: unknown;
  /** Set by Node's permission model. */
  readonly permission?: unknown;
  readonly resource?: unknown;
}

export function spawnErrorText(error: Error): string {
  const { code, message } = error as SystemError;
  // Most of Node's messages begin with the code, but not all.
  const text = typeof code !== 'string' || error.message.includes(code) ? String(message) : `${code}: ${String(message)}`;
  const hint = code === 'ERR_ACCESS_DENIED' ? deniedText(error) : HINTS[String(code)];
  return hint === undefined ? text : `${text.replace(/\.$/, '')} (${hint})`;
}

/** Whether the error lasts until somebody changes something. */
export function isLastingSpawnError(error: Error): boolean {
  return LASTING.has(String((error as SystemError).code));
}

/**
 * Describes an error of Node's permission model, in the parent or in a worker: the permission, the
 * resource, and the option of Node that grants it.
 */
export function deniedText(error: object): string {
  const { permission, resource } = error as SystemError;
  const path = typeof resource === 'string' ? resource : '';
  switch (permission) {
    case 'ChildProcess':
      return 'the permission ChildProcess is missing: a pool starts processes, so run this program with --allow-child-process';
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
    return `: run this program with ${options}, because each worker needs a small file in /dev/shm or the temporary folder (TMPDIR)`;
  }
  return `: ${permission === 'FileSystemRead' ? '--allow-fs-read' : '--allow-fs-write'}=${path}`;
}
