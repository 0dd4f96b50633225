/**
 * Bugs that pools have had, planted one at a time into a copy of the source: the simulation must find every one of
 * them, or its silence about the real source would mean nothing.
 *
 * A mutation replaces a text that occurs exactly once in its file; if the source has moved on, it says so.
 */
export interface Mutation extends Edit {
  readonly bug: string;
  /** Which pool had it, or which guarantee it breaks. */
  readonly source: string;
  /** Where one change is not enough to make the bug. */
  readonly also?: Edit;
}

export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    bug: 'a dying worker goes on taking tasks',
    source: 'jest-worker, worker-farm: dispatch from the callback of a dying worker',
    file: 'src/pool/lane.ts',
    find: '  onLost(): void {\n    this.isOpen = false;',
    replace: '  onLost(): void {',
  },
  {
    bug: 'what the dead worker held is never settled',
    source: 'poolifier',
    file: 'src/pool/lane.ts',
    find: '    for (const lease of orphans.reverse()) this.#user.onOrphaned(lease, death, this.worker);\n',
    replace: '',
  },
  {
    bug: 'a task that had started is silently sent again',
    source: 'worker-farm',
    file: 'src/pool/orphan-policy.ts',
    find: "if (!attempt.started) return 'redispatch';",
    replace: "return 'redispatch';",
  },
  {
    bug: 'a task that had not started is charged with the death',
    source: 'dask#5234: blame of bystanders',
    file: 'src/pool/lane.ts',
    find: '      if (lease.seq <= started) this.#confirmStart(lease, lease.startedAt || this.since);',
    replace: '      this.#confirmStart(lease, lease.startedAt || this.since);',
  },
  {
    bug: 'the kill for A does not ask whether B has begun',
    source: 'workerpool#548: the kill timer hits the next task',
    file: 'src/pool/canceller.ts',
    find: 'if (lane === undefined || !lane.mayKillFor(lease)) return;',
    replace: 'if (lane === undefined) return;',
  },
  {
    bug: 'the kill timer does not check the attempt',
    source: 'workerpool#548',
    file: 'src/pool/canceller.ts',
    find: '    core.deadlines.set(record, core.clock.now() + (graceMs ?? core.options.graceMs));',
    replace: '    core.clock.setTimer(() => lane.worker.kill(), graceMs ?? core.options.graceMs);',
  },
  {
    bug: 'it waits for an end that has already happened',
    source: 'workerpool: a wait for an exit that was',
    file: 'src/pool/settlement.ts',
    find: '      if (record.isSettled) settleOver(record);',
    replace: '      if (record.id < 0) settleOver(record);',
  },
  {
    bug: 'a kill counts as an exit: it does not wait for the end',
    source: 'tinypool#126: workers left at 100 % CPU',
    file: 'src/pool/pool.ts',
    find: '    await waiters.hold(worker.whenGone());\n',
    replace: '    void waiters;\n',
  },
  {
    bug: 'workers are refilled only to the minimum',
    source: 'piscina, tinypool: with min 0 a death strands the queue',
    file: 'src/pool/dispatcher.ts',
    find: '    if (this.#queue.size > 0) this.#user.onShort();\n',
    replace: '',
  },
  {
    bug: 'once broken, always broken',
    source: 'piscina, tinypool: a sticky "bootstrap failed" flag',
    file: 'src/pool/staff.ts',
    find: '    this.#core.brokenBy = undefined;\n',
    replace: '',
  },
  {
    bug: 'a result behind the news of the exit is lost',
    source: 'most pools; G4',
    file: 'src/supervisor/worker.ts',
    find: '    else this.#setTimer(DRAIN_LIMIT_MS, () => this.#buryAfterPoll());',
    replace: '    else this.#bury();',
  },
  {
    bug: 'a write to a dead worker ends the reading from it',
    source: 'one socket for both directions: 0 of 20 results delivered',
    file: 'src/supervisor/worker.ts',
    find: '  flush(): void {\n    this.#link.flush();',
    replace: '  flush(): void {\n    this.#link.flush();\n    if (ORDER[this.#state] >= ORDER.stopping) this.#process.disconnect();',
  },
  {
    bug: 'a requested death is charged',
    source: 'restart counters that count recycling and kills',
    file: 'src/supervisor/supervisor.ts',
    find: "const isCharged = !death.requested && death.phase !== 'task';",
    replace: "const isCharged = death.phase !== 'task';",
  },
  {
    bug: 'a healthy old worker resets the restart count',
    source: 'crash loops that hide behind one good worker',
    file: 'src/supervisor/restart-window.ts',
    find: "  return spawnOrdinal > (by === 'task' ? state.firstCharged : state.lastCharged);",
    replace: '  return spawnOrdinal > -1 || by === state.toString();',
    also: {
      file: 'src/supervisor/supervisor.ts',
      find: '    if (worker.isUseful) return;\n',
      replace: '',
    },
  },
  {
    bug: 'the restart intensity is not asked',
    source: 'worker-farm: 94 forks in 9 s; cpython#87472',
    file: 'src/supervisor/spawn-line.ts',
    find: '    return at <= now;',
    replace: '    return at <= at;',
  },
  {
    bug: 'a spawn that waited for its turn is begun though the pool has broken meanwhile',
    source: 'found by the simulation in this one',
    file: 'src/supervisor/spawn-line.ts',
    find: '      if (mayStill()) await this.#begin(berth);',
    replace: '      await this.#begin(berth);\n      void mayStill;',
  },
  {
    bug: 'a cancelled task is retried after the death',
    source: 'G6',
    file: 'src/pool/orphan-policy.ts',
    find: "  if (attempt.target === 'cancel') return 'cancelled';\n",
    replace: '',
  },
  {
    bug: 'a task that failed just before its cancel is retried',
    source: 'found by the simulation in this one',
    file: 'src/pool/settlement.ts',
    find: '    else if (record.ending !== undefined) this.#end(record, false);',
    replace: '    else if (record.id < 0) this.#end(record, false);',
  },
  {
    bug: 'what was sent ahead is taken back unread',
    source: 'G2: without a look at the note',
    file: 'src/pool/lane.ts',
    find: '    if (lease.seq <= this.worker.note.started()) return false;\n',
    replace: '',
  },
  {
    bug: 'the note is read before the revocation is written',
    source: 'G5: the race that the order closes',
    file: 'src/pool/lane.ts',
    find: '    this.worker.note.revoke(from, last);\n    const started = this.worker.note.started();',
    replace: '    const started = this.worker.note.started();\n    this.worker.note.revoke(from, last);',
  },
  {
    bug: 'a reply is credited to the oldest task',
    source: 'pools that count replies in place of numbering them',
    file: 'src/pool/lane.ts',
    find: '        const lease = this.#leaseOf(message.seq);\n        if (lease === undefined) return; // late',
    replace: '        const lease = [...this.leases()][0];\n        if (lease === undefined) return; // late',
  },
  {
    bug: 'a closed channel with a living process is not noticed',
    source: 'pools that know only exit',
    file: 'src/supervisor/worker.ts',
    find: "        this.#setTimer(DISCONNECT_LIMIT_MS, () => this.#fail('disconnect'));\n",
    replace: '',
  },
  {
    bug: 'garbage on the channel is skipped',
    source: 'pools that trust what they read',
    file: 'src/supervisor/worker.ts',
    find: "if (!this.#link.receive(chunk)) this.#fail('protocol');",
    replace: 'this.#link.receive(chunk);',
  },
  {
    bug: 'a boot that hangs is waited for',
    source: 'cpython: a worker that never connects',
    file: 'src/supervisor/worker.ts',
    find: "    this.#setTimer(host.rules.bootTimeoutMs, () => this.#fail('boot-timeout'));\n",
    replace: '',
  },
  {
    bug: 'the ladder ends with SIGTERM',
    source: 'workers that are immune to SIGTERM: workerpool, jest-worker, poolifier',
    file: 'src/supervisor/worker.ts',
    find: '    this.#setTimer(rung.waitMs, () => this.#climb(rest));',
    replace: "    if (rung.signal === 'SIGKILL') this.#setTimer(rung.waitMs, () => this.#climb(rest));",
  },
  {
    bug: 'close ends the workers when the queue is empty, whatever runs',
    source: 'piscina: a drain that asks the wrong thing',
    file: 'src/pool/life.ts',
    find: '    if (this.#core.outstanding > 0 ||',
    replace: '    if (this.#core.queue.size > 0 ||',
  },
  {
    bug: 'close resolves before the tasks of a dead worker have settled',
    source: 'found by the simulation in this one',
    file: 'src/supervisor/departure.ts',
    find: 'if (this.#waiter === undefined || !this.#isReleased) return;',
    replace: 'if (this.#waiter === undefined) return;',
  },
  {
    bug: 'a failed restart leaves a spent worker in its place',
    source: 'found by the simulation in this one',
    file: 'src/pool/upkeep.ts',
    find: '.catch(() => this.#replace(lane, why));',
    replace: '.catch(() => undefined);',
  },
  {
    bug: 'the parent is kept alive by tasks that are over',
    source: 'G9',
    file: 'src/pool/core.ts',
    find: '    this.clock.release();\n    this.waiters.check();',
    replace: '    this.waiters.check();',
  },
  {
    bug: 'a timer is left behind by a closed pool',
    source: 'G9',
    file: 'src/pool/life.ts',
    find: '    core.deadlines.stop();\n',
    replace: '',
  },
  {
    bug: 'a process is never released',
    source: 'G9: leaked descriptors',
    file: 'src/supervisor/worker.ts',
    find: '    this.#departure.release();\n',
    replace: '',
  },
  {
    bug: 'the arguments of a task that is over are held',
    source: 'G12',
    file: 'src/pool/settlement.ts',
    find: '    record.body = undefined;\n',
    replace: '',
  },
  {
    bug: 'the stack of the caller is held, and through it every task before',
    source: 'G12: found by the soak in this one',
    file: 'src/pool/settlement.ts',
    find: '    record.caller = undefined;\n',
    replace: '',
  },
  {
    bug: 'a map pulls without regard to what was taken',
    source: 'G12: pools whose map collects its input first',
    file: 'src/pool/batch-puller.ts',
    find: '    return this.#pulled < this.#goal;',
    replace: '    return true;',
  },
  {
    bug: 'a task that was taken back goes to the end of the queue',
    source: 'G14',
    file: 'src/pool/settlement.ts',
    find: "    else this.#core.enqueue(record, 'front');",
    replace: "    else this.#core.enqueue(record, 'back');",
  },
  {
    bug: 'what comes back one by one stands in the queue in reverse',
    source: 'G14: found by the simulation in this one',
    file: 'src/pool/core.ts',
    find: '(other) => other.isBack && other.id < record.id',
    replace: '() => false',
  },
  {
    bug: 'a higher priority waits behind the lower ones',
    source: 'G14',
    file: 'src/pool/task-queue.ts',
    find: '    return this.#heap[0]?.head;',
    replace: '    return this.#heap.at(-1)?.head;',
  },
  {
    bug: 'a stopped worker is not noticed',
    source: 'every pool without a heartbeat',
    file: 'src/supervisor/heartbeat.ts',
    find: 'if (stoppedMs >= this.#rule.timeoutMs) worker.fail(',
    replace: 'if (stoppedMs < 0) worker.fail(',
  },
  {
    bug: 'a worker that is busy in JavaScript is taken for hung',
    source: 'gunicorn, jest: a heartbeat that the task itself must keep up',
    file: 'src/supervisor/heartbeat.ts',
    find: ' || isBusy) {',
    replace: ') {',
  },
  {
    bug: 'after a death the whole chunk is sent again',
    source: 'G3: pools that batch their tasks',
    file: 'src/pool/chunk.ts',
    find: 'return sent.filter((_, place) => this.#items[place] !== TOLD);',
    replace: 'return sent;',
    also: {
      file: 'src/pool/chunk.ts',
      find: '    this.#items = this.#items.filter((item) => item !== TOLD);\n    record.codec',
      replace: '    record.codec',
    },
  },
];
