/** `everpool/testing`: faults for real pools, and a pool without processes for unit tests. */
export { type ChaosMonkey, type ChaosOptions, type ChaosReport, chaos, type Fault } from './chaos.js';
export { InlinePool } from './inline-pool.js';
