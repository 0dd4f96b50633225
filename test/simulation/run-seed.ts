/**
 * Runs one seed: a pool, its user and its machine, from beginning to end, and checks the result.
 */
import { Pool, platformOf } from '../../src/pool/pool.js';
import { Random } from '../../src/testing/random.js';
import { Hostile } from './hostile.js';
import { Invariants } from './invariants.js';
import { Ledger } from './ledger.js';
import { type Plan, planOf } from './plan.js';
import { SimDisk } from './sim-disk.js';
import { SimSpawner } from './sim-spawner.js';
import { SpawnWatch } from './spawn-watch.js';
import { Story } from './story.js';
import type { SimModule } from './tasks.js';
import { textOf } from './text.js';
import { User } from './user.js';
import { World } from './world.js';

/** The number of acts of the user in one seed. */
const ACTIONS = 60;
/** A pool that starts nothing for this long has hung: far beyond every limit and back-off of a plan. */
const REST_LIMIT_MS = 300_000;

// What hostile code throws becomes a warning; thousands of those say nothing.
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name !== 'EverpoolListenerWarning') console.error(textOf(warning));
});

/** How long forgers go on once no more faults occur. */
const FORGERS_LIVE_MS = 5000;

export interface Verdict {
  readonly seed: number;
  readonly faults: readonly string[];
  /** Equal stories have equal digests. */
  readonly digest: string;
  /** The last lines of the story, if it was logged. */
  readonly story: readonly string[];
  readonly tasks: number;
  readonly starts: number;
  readonly deaths: number;
  /** The number of workers that forged, and of hostile acts of the program's code. */
  readonly forgers: number;
  readonly hostile: number;
  readonly virtualMs: number;
}

export function planOfSeed(seed: number): Plan {
  return planOf(new Random(seed), ACTIONS);
}

export async function runSeed(seed: number, isLogged = false, plan: Plan = planOfSeed(seed)): Promise<Verdict> {
  const random = new Random(seed).fork(1);
  const story = new Story(isLogged);
  const world = new World(story, random.fork(1), plan.habits);
  const ledger = new Ledger(world, plan.options.concurrency ?? 1, 1);
  const spawner = new SimSpawner(world, ledger, random.fork(2), plan.rates, plan.poisonedAt, plan.habits.bootStallChance);
  const chance = random.fork(3);
  const disk = new SimDisk(world, random.fork(5), plan.diskFails);
  const hostile = new Hostile(world, random.fork(4), plan.hostility);

  const onUnhandled = (reason: unknown): void => {
    world.fault(`G9: an unhandled rejection: ${textOf(reason)}`);
  };
  process.on('unhandledRejection', onUnhandled);
  const { stackTraceLimit } = Error;
  if (!isLogged) Error.stackTraceLimit = 1; // capturing a stack costs as much as the rest of a failure
  const real = platformOf.make;
  platformOf.make = () => ({
    clock: world,
    spawner,
    journals: disk,
    random: () => chance.next(),
    spawnConcurrency: plan.spawnConcurrency,
  });
  const takeBackStacks = hostile.replaceStacks();
  let tasks = 0;
  let invariants: Invariants | undefined;
  let watch: SpawnWatch | undefined;
  try {
    watch = new SpawnWatch(world, spawner, plan.options.restart as { intensity: number; periodMs: number });
    const pool = new Pool<SimModule>({ ...plan.options, workerData: hostile.workerData() });
    platformOf.make = real;
    watch.listenTo(pool, plan.options.bootTimeoutMs as number);
    const user = new User(pool, world, ledger, spawner, disk, hostile, plan.habits.callbackMs <= 0.01);
    const inside = new Invariants(world, ledger, pool);
    invariants = inside;
    world.onStep = () => {
      checkCounts(world, pool);
      inside.check();
    };
    const calm = (): void => {
      hostile.isCalm = true;
      disk.isCalm = true;
      calmDown(world, ledger, spawner, plan);
    };
    await act(world, user, plan);
    if (plan.rests && !user.isFinishing) await rest(world, user, ledger, calm);
    await end(world, user, ledger, plan, calm);
    checkSettled(world, pool);
    if (world.faults.length === 0) inside.checkEnd();
    if (world.faults.length === 0 && disk.openCount > 0) world.fault(`G9: ${disk.openCount} journals are left open`);
    tasks = pool.stats().submitted;
  } finally {
    platformOf.make = real;
    invariants?.stop();
    watch?.stop();
    Error.stackTraceLimit = stackTraceLimit;
    takeBackStacks();
    process.removeListener('unhandledRejection', onUnhandled);
  }
  return {
    seed,
    faults: world.faults,
    digest: story.digest,
    story: story.last(400),
    tasks,
    starts: ledger.calls,
    deaths: spawner.processes.filter((each) => !each.isAlive).length,
    forgers: ledger.forgers.size,
    hostile: hostile.calls,
    virtualMs: world.now(),
  };
}

async function act(world: World, user: User, plan: Plan): Promise<void> {
  let left = plan.actions.length;
  for (const [index, action] of plan.actions.entries()) {
    world.act(action.at, () => {
      left -= 1;
      if (index === plan.endsAfter) user.finish(plan.ending);
      user.perform(action);
    });
  }
  await world.run(() => left === 0, REST_LIMIT_MS);
}

/** Runs until the condition holds. False: no task has started for REST_LIMIT_MS. */
async function runOn(world: World, ledger: Ledger, condition: () => boolean): Promise<boolean> {
  for (;;) {
    const before = ledger.calls;
    if (await world.run(condition, REST_LIMIT_MS)) return true;
    if (world.faults.length > 0 || ledger.calls === before) return false;
  }
}

/** No more faults occur: whatever was submitted must now settle without any help (G1). */
async function rest(world: World, user: User, ledger: Ledger, calm: () => void): Promise<void> {
  calm();
  user.rest();
  const isOver = await runOn(world, ledger, () => user.unsettled.length === 0);
  if (isOver || world.faults.length > 0) return;
  const hanging = user.unsettled.map(({ entry, task }) => `${entry.id} (${entry.name}, ${task.state})`);
  world.fault(`G1: the tasks ${hanging.join(', ')} will never settle`);
}

async function end(world: World, user: User, ledger: Ledger, plan: Plan, calm: () => void): Promise<void> {
  if (world.faults.length > 0) return;
  if (!user.isFinishing) user.finish(plan.ending);
  calm();
  await runOn(world, ledger, () => user.open.length === 0 && user.unsettled.length === 0);
  if (world.faults.length > 0) return;
  const hanging = user.unsettled.map(({ entry }) => `${entry.id} (${entry.name})`);
  if (hanging.length > 0) world.fault(`G1: at the end the tasks ${hanging.join(', ')} are not settled`);
  if (user.open.length > 0) world.fault(`G1: at the end these are pending: ${user.open.join(', ')}`);
  // They would end by themselves; they end now.
  if (world.timers > 0) world.fault(`G9: the pool is closed, and ${world.timers} of its timers are left`);
  // Whatever still moves may end; then nothing may be left.
  await world.run(() => false, REST_LIMIT_MS);
  if (world.faults.length > 0) return;
  if (ledger.alive.size > 0) world.fault(`G7: the workers ${[...ledger.alive].map((each) => each.workerId).join(', ')} still live`);
  if (world.holds > 0) world.fault(`G9: the parent is still kept alive, ${world.holds} times`);
  if (ledger.unreleased > 0) world.fault(`G9: ${ledger.unreleased} processes were never released`);
}

/** Stopped processes continue, unless a heartbeat finds them. */
function calmDown(world: World, ledger: Ledger, spawner: SimSpawner, plan: Plan): void {
  if (ledger.isCalm) return;
  ledger.isCalm = true;
  world.log('no more faults', '');
  // A process that answers for another attempt than it was asked for seems to run a task for ever.
  // A time limit ends it.
  world.at(world.now() + FORGERS_LIVE_MS, () => {
    for (const process of spawner.processes) if (ledger.forgers.has(process.workerId)) process.strike('SIGKILL');
  });
  if (plan.options.heartbeat !== false) return;
  for (const process of spawner.processes) if (process.isAlive) process.strike('SIGCONT');
}

/** At any moment each submitted task has settled, or is in exactly one place. */
function checkCounts(world: World, pool: Pool<object>): void {
  const { submitted, succeeded, failed, cancelled, queued, running, waiting, size } = pool.stats();
  if (submitted !== succeeded + failed + cancelled + queued + running + waiting) {
    world.fault(
      `G1: of ${submitted} tasks ${succeeded} succeeded, ${failed} failed, ${cancelled} were cancelled, ${queued} are queued, ${running} run, ${waiting} wait`,
    );
  }
  if (size < 0 || running < 0 || queued < 0) world.fault(`G1: ${size} workers, ${running} running and ${queued} queued tasks`);
}

function checkSettled(world: World, pool: Pool<object>): void {
  if (world.faults.length > 0) return;
  checkCounts(world, pool);
  const { queued, running, waiting } = pool.stats();
  if (queued + running + waiting > 0) world.fault(`G1: at the end ${queued} tasks are queued, ${running} run, ${waiting} wait`);
}
