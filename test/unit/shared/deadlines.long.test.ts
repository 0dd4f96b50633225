/** All cases of the properties in deadlines.test.ts. */
import './deadlines.test.js';
