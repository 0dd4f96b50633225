/** All cases of the properties in restart-intensity.test.ts. */
import './restart-intensity.test.js';
