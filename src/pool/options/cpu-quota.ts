/**
 * The number of CPUs that this process may really use. A container with `--cpus=1`, or a systemd
 * unit with a CPUQuota, sees all CPUs and gets a quota of their time. Node 20 knows nothing of
 * cgroups, newer versions know v2 only.
 *
 * Files are read by a function that the caller passes, so that tests can use those of other
 * machines.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Returns the text of a file; undefined if the file cannot be read. */
export type ReadText = (path: string) => string | undefined;

/** The number of workers that a pool has by default. */
export function defaultSize(): number {
  const cpus = availableParallelism();
  return process.platform === 'linux' ? Math.min(cpus, Math.max(1, Math.ceil(cpuQuota(readText)))) : cpus;
}

/**
 * Returns the smallest quota, in CPUs, of this process's cgroup and all around it; Infinity: none.
 */
export function cpuQuota(read: ReadText): number {
  const mounts = (read('/proc/self/mountinfo') ?? '').split('\n').flatMap(mountOf);
  let quota = Number.POSITIVE_INFINITY;
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const isV2 = controllers === '';
    if (!isV2 && !controllers.split(',').includes('cpu')) continue;
    const mount = mounts.find(({ type, options }) => (isV2 ? type === 'cgroup2' : type === 'cgroup' && options.includes('cpu')));
    if (mount === undefined) continue;
    for (const folder of foldersOf(mount, path)) quota = Math.min(quota, isV2 ? quotaV2(folder, read) : quotaV1(folder, read));
  }
  return quota;
}

interface Mount {
  /** The cgroup that `point` shows. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/**
 * A line such as "36 25 0:32 /root /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct"
 * (proc_pid_mountinfo(5)).
 */
function mountOf(line: string): Mount[] {
  const [left = '', right = ''] = line.split(' - ');
  const [, , , root, point] = left.split(' ');
  const [type, , options = ''] = right.split(' ');
  if (root === undefined || point === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
  return [{ root: unescaped(root), point: unescaped(point), type, options: options.split(',') }];
}

/** Blanks and the like are octal in mountinfo: `\040`. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}

/** Returns the folders from this process's cgroup to the outermost visible one. */
function foldersOf({ root, point }: Mount, path: string): string[] {
  // In a container with its own view, the path is the host's, or leads out of the view ("/../x").
  const isInside = root === '/' || path === root || path.startsWith(`${root}/`);
  const inner = root !== '/' && isInside ? path.slice(root.length) : isInside ? path : '';
  const names = inner.split('/').filter((name) => name !== '');
  const folders = [point];
  if (!names.includes('..')) for (const name of names) folders.push(`${folders.at(-1)}/${name}`);
  return folders.reverse();
}

/** "max 100000", or "150000 100000": microseconds of time in each period. */
function quotaV2(folder: string, read: ReadText): number {
  const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ');
  return share(quota, period);
}

/** A quota of -1 means none. */
function quotaV1(folder: string, read: ReadText): number {
  return share(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
}

function share(quota: string | undefined, period: string | undefined): number {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 ? cpus : Number.POSITIVE_INFINITY;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // no /proc, no such cgroup, or no permission: no quota is known
  }
}
