/**
 * What a worker process runs. It opens the real doors, gives them to a runner, and joins `everpool/worker` to it.
 *
 * It imports little: the time to boot counts. It installs no handler for uncaught exceptions and
 * unhandled rejections: they end a worker as they end any Node process, and the parent learns of it.
 */
import { enterWorker } from '../shared/nesting.js';
import { setOwnPlace } from '../shared/own-frames.js';
import { installGlobalHook } from './global-hook.js';
import { readAll } from './node-channel.js';
import { openNodePlatform, READ_FD } from './node-platform.js';
import { Runner } from './runner.js';

/** How long the stop hooks may take when the parent is gone. */
const ORPHAN_LIMIT_MS = 200;

// Captured: task modules may replace them. `process` is not imported: as a module it evaluates all of its getters, 0.7 MB.
const kill: typeof process.kill = process.kill.bind(process);
const after: typeof setTimeout = setTimeout;

setOwnPlace(import.meta.url); // one file, with nothing else in it

const platform = openNodePlatform();
const runner = new Runner(platform);
let hasSigtermHandler = false;

enterWorker(() => runner.isInTask);

/** Ends as SIGTERM would have ended it, only after the stop hooks. */
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
    // Only now: a worker that spins and has a handler is deaf to SIGTERM.
    if (!hasSigtermHandler) process.on('SIGTERM', onSigterm);
    hasSigtermHandler = true;
  },
});

readAll(READ_FD, runner, () => {
  runner.onParentLost();
  after(() => platform.exit(1), ORPHAN_LIMIT_MS);
});
