/** All cases of the properties in frame.test.ts. */
import './frame.test.js';
