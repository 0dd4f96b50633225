import { context, isWorker, onStart } from 'everpool/worker';

let started;
onStart((data) => {
  started = data;
});

export const add = (a, b) => a + b;
export const look = async () => {
  await null;
  return { started, isWorker, context: context().attempt };
};
