/** worker-farm requires its module, and calls functions that end with a callback. */
const tasks = require('../../tasks.js');

for (const [name, task] of Object.entries(tasks)) {
  module.exports[name] = (argument, done) => {
    const result = task(argument);
    if (typeof result?.then === 'function') result.then((value) => done(null, value), done);
    else done(null, result);
  };
}
