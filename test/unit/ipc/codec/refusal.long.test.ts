/** All cases of the properties in refusal.test.ts. */
import './refusal.test.js';
