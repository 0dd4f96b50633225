/**
 * Bugs that pools have had, planted one at a time into a copy of the source. The simulation must
 * find every one of them, or its silence about the real source would mean nothing.
 */
import type { Mutation } from './mutation.js';
import { CLUSTER } from './mutations/cluster.js';
import { FORGED } from './mutations/forged.js';
import { LIVES } from './mutations/lives.js';
import { PROGRAM } from './mutations/program.js';
import { TASKS } from './mutations/tasks.js';

export const MUTATIONS: readonly Mutation[] = [...TASKS, ...LIVES, ...PROGRAM, ...FORGED, ...CLUSTER];
