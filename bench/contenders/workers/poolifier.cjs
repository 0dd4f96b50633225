/** CommonJS, because it starts at once: a cluster worker that is still importing misses poolifier's first message, and the pool hangs. */
const { isMainThread } = require('node:worker_threads');
const { ClusterWorker, ThreadWorker } = require('poolifier');
const tasks = require('../../tasks.js');

const Kind = isMainThread ? ClusterWorker : ThreadWorker;
new Kind({ ...tasks });
