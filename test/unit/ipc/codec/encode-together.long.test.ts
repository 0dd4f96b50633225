/** All cases of the properties in encode-together.test.ts. */
import './encode-together.test.js';
