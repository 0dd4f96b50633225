import { describeSeeds } from './seeds.js';

describeSeeds(4001, 4000);
