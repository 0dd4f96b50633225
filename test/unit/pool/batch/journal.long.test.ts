/** All cases of the properties in journal.test.ts. */
import './journal.test.js';
