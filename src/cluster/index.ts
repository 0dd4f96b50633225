/**
 * everpool/cluster: the same task module and the same calls on many machines, through a Redis or a
 * PostgreSQL. What is not exported here is internal.
 */
export { Cluster } from './cluster.js';
export { HostLostError, ResultLostError, StoreError } from './errors.js';
export { serve } from './serve.js';
export type * from './types.js';
