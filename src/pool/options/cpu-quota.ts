/**
 * How many CPUs this process may really use: in a container with `--cpus=1`, or a systemd unit with a CPUQuota, all CPUs are
 * seen, and a quota of their time is given. Node 20 does not know of cgroups, newer ones of v2 only.
 *
 * What is read comes through a door, so that it can be tried on the files of other machines.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** The text of a file; undefined if it cannot be read. */
export type ReadText = (path: string) => string | undefined;

/** The number of workers that a pool has by default. */
export function defaultSize(): number {
  const cpus = availableParallelism();
  return process.platform === 'linux' ? Math.min(cpus, Math.max(1, Math.ceil(cpuQuota(readText)))) : cpus;
}

/** In CPUs; Infinity: no quota. The smallest of the cgroup that this process is in and of those around it. */
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
  /** The cgroup that is seen at `point`. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** "36 25 0:32 /root /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct" (proc_pid_mountinfo(5)). */
function mountOf(line: string): Mount[] {
  const [left = '', right = ''] = line.split(' - ');
  const [, , , root, point] = left.split(' ');
  const [type, , options = ''] = right.split(' ');
  if (root === undefined || point === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
  return [{ root: unescaped(root), point: unescaped(point), type, options: options.split(',') }];
}

/** Blanks and the like are octal there: `\040`. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}

/** From the cgroup of this process to the outermost that can be seen. */
function foldersOf({ root, point }: Mount, path: string): string[] {
  // Where the container has a view of its own, the path is that of the host, or leads out of the view ("/../x").
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

/** -1: none. */
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
    return undefined; // no /proc, no such cgroup, or not allowed: then no quota is known
  }
}
