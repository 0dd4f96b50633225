import { describeSeeds } from './seeds.js';

// Two files, so that two processors share the work: together more than a million tasks.
describeSeeds(1, 4000);
