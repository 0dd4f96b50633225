/** 10,000 items. */
import './memory.test.js';
