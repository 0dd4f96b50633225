/**
 * The present state of a pool as users see it: `pool.workers()` and `pool.stats()`. This file only
 * reads the core; it keeps nothing and changes nothing, except that reading may find that a task
 * has started.
 */
import type { WorkerInfo } from '../shared/types.js';
import type { Worker } from '../supervisor/lifecycle/worker.js';
import type { WorkerLeases } from './dispatch/worker-leases.js';
import type { PoolContext } from './pool-context.js';
import type { PoolStats } from './types.js';

export function workersSnapshot(core: PoolContext): WorkerInfo[] {
  const now = core.clock.now();
  const list: WorkerInfo[] = [];
  for (const { worker, slot } of core.supervisor.living()) {
    list.push({
      id: worker.id,
      slot,
      pid: worker.pid,
      state: stateOf(worker),
      tasks: tasksOf(worker.client as WorkerLeases | undefined, now),
      completed: worker.completed,
      uptimeMs: now - worker.spawnedAt,
      rssBytes: worker.rssBytes,
    });
  }
  return list;
}

function stateOf(worker: Worker): WorkerInfo['state'] {
  switch (worker.state) {
    case 'starting':
    case 'draining':
      return worker.state;
    case 'ready':
      return (worker.client?.load ?? 0) > 0 ? 'busy' : 'idle';
    default:
      return 'stopping';
  }
}

function tasksOf(leases: WorkerLeases | undefined, now: number): WorkerInfo['tasks'] {
  if (leases === undefined) return [];
  return [...leases.list()].map((lease) => ({
    id: lease.record.id,
    name: lease.record.name.name,
    attempt: lease.number,
    runningMs: leases.hasStarted(lease) ? Math.max(0, now - lease.startedAt) : 0,
  }));
}

export function statsSnapshot(core: PoolContext): PoolStats {
  let started = 0;
  for (const leases of core.dispatcher.workers) started += leases.running;
  const { submitted, succeeded, failed, cancelled, retried } = core.counts;
  const waiting = core.waiting.size;
  const left = submitted - succeeded - failed - cancelled - waiting;
  const running = Math.min(started, left); // all results of a chunk may have arrived already
  return {
    size: core.supervisor.size,
    spares: core.supervisor.spareCount,
    // One item of a chunk runs; the others wait.
    queued: left - running,
    running,
    waiting,
    submitted,
    succeeded,
    failed,
    cancelled,
    retried,
    spawned: core.supervisor.spawnedCount,
    deaths: core.supervisor.deathCount,
    queueMs: core.queueMs.percentiles(),
    runMs: core.runMs.percentiles(),
  };
}
