import * as tasks from '../../tasks.js';

const functions = { ...tasks };

process.on('message', ([id, name, argument]) => process.send([id, functions[name](argument)]));
