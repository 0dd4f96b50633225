/** poolifier: its fixed pools of cluster workers or of threads. */
import { fileURLToPath } from 'node:url';
import { FixedClusterPool, FixedThreadPool } from 'poolifier';

const file = fileURLToPath(new URL('./workers/poolifier.cjs', import.meta.url));
const kinds = { cluster: FixedClusterPool, threads: FixedThreadPool };

const fast = { enableEvents: false };

export function open({ size, variant, isBinary, tuning = fast }) {
  const pool = new kinds[variant](size, file, {
    ...(isBinary && { settings: { serialization: 'advanced' } }),
    ...tuning,
  });
  return { run: (name, argument) => pool.execute(argument, name) };
}
