/** The quota of processor time, as the files of real machines state it. */
import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { cpuQuota, defaultSize } from '../../../../src/pool/options/cpu-quota.js';

const V2_MOUNT =
  '21 28 0:20 / /proc rw,nosuid - proc proc rw\n29 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n';
const V1_MOUNTS = `30 24 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw
33 30 0:29 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd
34 30 0:30 / /sys/fs/cgroup/cpuset rw,nosuid - cgroup cgroup rw,cpuset
35 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
`;
const V1_CGROUP = (path: string): string => `12:cpuset:${path}\n11:cpu,cpuacct:${path}\n1:name=systemd:${path}\n0::/ignored\n`;

function quotaOf(files: Record<string, string>): number {
  return cpuQuota((path) => files[path]);
}

describe('the quota of processor time', () => {
  test.each<[string, Record<string, string>, number]>([
    ['no /proc', {}, Number.POSITIVE_INFINITY],
    [
      'cgroup v2 in a container with --cpus=1: its own cgroup is the root',
      { '/proc/self/cgroup': '0::/\n', '/proc/self/mountinfo': V2_MOUNT, '/sys/fs/cgroup/cpu.max': '100000 100000\n' },
      1,
    ],
    [
      'cgroup v2 with --cpus=1.5',
      { '/proc/self/cgroup': '0::/\n', '/proc/self/mountinfo': V2_MOUNT, '/sys/fs/cgroup/cpu.max': '150000 100000\n' },
      1.5,
    ],
    [
      'cgroup v2 without a limit',
      { '/proc/self/cgroup': '0::/\n', '/proc/self/mountinfo': V2_MOUNT, '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
      Number.POSITIVE_INFINITY,
    ],
    [
      'cgroup v2, a systemd unit in a slice with a smaller quota: the smallest of all around counts',
      {
        '/proc/self/cgroup': '0::/app.slice/web.service\n',
        '/proc/self/mountinfo': V2_MOUNT,
        '/sys/fs/cgroup/app.slice/web.service/cpu.max': '400000 100000\n',
        '/sys/fs/cgroup/app.slice/cpu.max': '200000 100000\n',
      },
      2,
    ],
    [
      'cgroup v2, the unit itself',
      {
        '/proc/self/cgroup': '0::/user.slice/user-1000.slice/run-u1.scope\n',
        '/proc/self/mountinfo': V2_MOUNT,
        '/sys/fs/cgroup/user.slice/user-1000.slice/run-u1.scope/cpu.max': '50000 100000\n',
        '/sys/fs/cgroup/user.slice/cpu.max': 'max 100000\n',
      },
      0.5,
    ],
    [
      'cgroup v2 without a namespace of its own (--cgroupns=host): the mount shows a part of the tree',
      {
        '/proc/self/cgroup': '0::/system.slice/docker-abc.scope/inner\n',
        '/proc/self/mountinfo': V2_MOUNT.replace(' / /sys/fs/cgroup', ' /system.slice/docker-abc.scope /sys/fs/cgroup'),
        '/sys/fs/cgroup/cpu.max': '300000 100000\n',
        '/sys/fs/cgroup/inner/cpu.max': '100000 100000\n',
      },
      1,
    ],
    [
      'cgroup v2, a path that leads out of what can be seen',
      { '/proc/self/cgroup': '0::/../other\n', '/proc/self/mountinfo': V2_MOUNT, '/sys/fs/cgroup/cpu.max': '200000 100000\n' },
      2,
    ],
    [
      'cgroup v1, Docker with --cpus=1.2: the path is that of the host, the mount shows the container',
      {
        '/proc/self/cgroup': V1_CGROUP('/docker/abc'),
        '/proc/self/mountinfo': V1_MOUNTS.replace(' / /sys/fs/cgroup/cpu,cpuacct', ' /docker/abc /sys/fs/cgroup/cpu,cpuacct'),
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '120000\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      },
      1.2,
    ],
    [
      'cgroup v1 on the host, nested: the outer one is smaller',
      {
        '/proc/self/cgroup': V1_CGROUP('/kubepods/pod1/c1'),
        '/proc/self/mountinfo': V1_MOUNTS,
        '/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/c1/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/c1/cpu.cfs_period_us': '100000\n',
        '/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_period_us': '20000\n',
      },
      2.5,
    ],
    [
      'cgroup v1 without a quota',
      {
        '/proc/self/cgroup': V1_CGROUP('/'),
        '/proc/self/mountinfo': V1_MOUNTS,
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      },
      Number.POSITIVE_INFINITY,
    ],
    [
      'a mount point with a blank in its name',
      {
        '/proc/self/cgroup': '0::/\n',
        '/proc/self/mountinfo': V2_MOUNT.replace('/sys/fs/cgroup', '/my\\040cgroup'),
        '/my cgroup/cpu.max': '100000 100000\n',
      },
      1,
    ],
    [
      'nonsense',
      { '/proc/self/cgroup': 'x\n::\n0:\n', '/proc/self/mountinfo': '- \n - cgroup2\n', '/sys/fs/cgroup/cpu.max': '0 0' },
      Number.POSITIVE_INFINITY,
    ],
    [
      'a quota that is no number',
      { '/proc/self/cgroup': '0::/\n', '/proc/self/mountinfo': V2_MOUNT, '/sys/fs/cgroup/cpu.max': 'lots of it\n' },
      Number.POSITIVE_INFINITY,
    ],
  ])('%s', (_, files, cpus) => {
    expect(quotaOf(files)).toBe(cpus);
  });

  test('on this machine a pool has at least one worker, and no more than there are CPUs', () => {
    expect(defaultSize()).toBeGreaterThanOrEqual(1);
    expect(defaultSize()).toBeLessThanOrEqual(availableParallelism());
  });
});
