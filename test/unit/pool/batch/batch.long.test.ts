/** All cases of the properties in batch.test.ts. */
import './batch.test.js';
