/** All cases of the properties in hostile-bytes.test.ts. */
import './hostile-bytes.test.js';
