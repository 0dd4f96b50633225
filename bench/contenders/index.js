/**
 * Who takes part, by name: `file` or `file:variant`. A contender is opened as `{ run(name, argument) → promise }`. Options: `isBinary`, the
 * arguments are Buffers; `tuning`, in place of what makes a peer fast with very short tasks.
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

/** Imports the contender, and gives a function that opens it; undefined where a row measures something else by that name. */
export async function opener(name) {
  const [file, variant] = name.split(':');
  if (!files.has(file)) return undefined;
  const { open } = await import(`./${file}.js`);
  return (options) => open({ size: 2, variant, ...options });
}
