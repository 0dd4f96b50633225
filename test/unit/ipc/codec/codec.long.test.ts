/** All cases of the properties in codec.test.ts. */
import './codec.test.js';
