/**
 * The entry of a worker process: opens the real platform, gives it to a runner, and connects
 * `everpool/worker` to the runner.
 *
 * It imports little, because the time to boot counts. It installs no handler for uncaught
 * exceptions and unhandled rejections: they end a worker as they end any Node process, and the
 * parent sees that.
 */
import { TO_WORKER_FD } from '../ipc/descriptors.js';
import { enterWorker } from '../shared/nesting.js';
import { setOwnPlace } from '../shared/own-frames.js';
import { installGlobalHook } from './global-hook.js';
import { readAll } from './node-channel.js';
import { openNodePlatform } from './node-platform.js';
import { Runner } from './runner.js';

/** How long the stop hooks may take once the parent has exited. */
const ORPHAN_LIMIT_MS = 200;

// Captured: task modules may replace them. `process` is not imported: that evaluates all of its
// getters, 0.7 MB.
const kill: typeof process.kill = process.kill.bind(process);
const after: typeof setTimeout = setTimeout;

setOwnPlace(import.meta.url); // the build makes the worker one file with nothing else in it

const platform = openNodePlatform();
const runner = new Runner(platform);
let hasSigtermHandler = false;

enterWorker(() => runner.isInTask);

/** Ends the process by SIGTERM, after the stop hooks. */
function onSigterm(): void {
  void runner.stop().then(() => {
    process.removeListener('SIGTERM', onSigterm);
    kill(process.pid, 'SIGTERM');
  });
}

installGlobalHook({
  context: () => runner.context(),
  track: () => runner.current.track(),
  onStart: (hook) => runner.hooks.onStart(hook),
  onStop: (hook) => {
    runner.hooks.onStop(hook);
    // Only now, because a spinning worker with a handler ignores SIGTERM.
    if (!hasSigtermHandler) process.on('SIGTERM', onSigterm);
    hasSigtermHandler = true;
  },
});

readAll(TO_WORKER_FD, runner, () => {
  runner.onParentLost();
  after(() => platform.exit(1), ORPHAN_LIMIT_MS);
});
