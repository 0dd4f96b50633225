/** All cases of the properties in hostile-values.test.ts. */
import './hostile-values.test.js';
