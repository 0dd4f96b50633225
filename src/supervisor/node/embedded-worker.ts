/**
 * The worker's code as a string, so that a bundler that merges this package into one file includes
 * the worker. The build fills in the values (scripts/bundle-worker.js).
 */

/** A script for `node -e`, compressed with Brotli, in base64. Empty before the build. */
export const EMBEDDED_WORKER: string = '';

/** The first line of the `worker/entry.js` of the same build. */
export const WORKER_MARK: string = '';

/** The file name in stack frames of the embedded worker. */
export const EMBEDDED_URL: string = 'file:///everpool/worker/entry.js';
