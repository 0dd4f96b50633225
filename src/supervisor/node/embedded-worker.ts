/**
 * The code of a worker as a text, so that a bundler that puts this package into one file takes the worker along.
 *
 * The build fills it in (scripts/bundle-worker.js).
 */

/** One script for `node -e`: by Brotli, in base64. Empty before a build. */
export const EMBEDDED_WORKER: string = '';

/** The first line of the file `worker/entry.js` that belongs to this very build. */
export const WORKER_MARK: string = '';

/** What the frames of the embedded worker name as their file. */
export const EMBEDDED_URL: string = 'file:///everpool/worker/entry.js';
