/** All cases of the properties in histogram.test.ts. */
import './histogram.test.js';
