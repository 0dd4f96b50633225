/** The descriptors that a worker inherits beside stdin, stdout and stderr. */

/**
 * The worker reads messages here, and writes them to the next: see supervisor/node/node-channel.ts.
 */
export const TO_WORKER_FD = 3;
export const FROM_WORKER_FD = 4;
export const CONTROL_FILE_FD = 5;
/** Read only, at a position that the parent and the worker share. */
export const OFFERS_FD = 6;
