/** All cases of the properties in errors.test.ts. */
import './errors.test.js';
