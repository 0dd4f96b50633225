/** All cases of the properties in task-queue.test.ts. */
import './task-queue.test.js';
