/**
 * The contenders by name: `file` or `file:variant`. An open contender is `{ run(name, argument) →
 * promise }`. Options: `isBinary`, the arguments are Buffers; `tuning`, replaces the settings that
 * make a peer fast with very short tasks; `retries`, of everpool's tasks.
 */
export const processPeers = ['worker-farm', 'poolifier:cluster', 'jest-worker', 'workerpool', 'tinypool'];
export const threadPeers = ['piscina', 'poolifier:threads'];
export const rawSends = ['process-send:advanced', 'process-send:json'];

const files = new Set([
  'everpool',
  'worker-farm',
  'poolifier',
  'jest-worker',
  'workerpool',
  'tinypool',
  'piscina',
  'process-send',
  'raw-channel',
]);

/**
 * Imports the contender and returns a function that opens it; undefined if a row uses the name for
 * something else.
 */
export async function opener(name) {
  const [file, variant] = name.split(':');
  if (!files.has(file)) return undefined;
  const { open } = await import(`./${file}.js`);
  return (options) => open({ size: 2, variant, ...options });
}
