/**
 * `run()` over bare processes: numbers the tasks, keeps their promises, and picks the worker with
 * the fewest in flight.
 */

/** `openWorker(settle)` gives `send(id, name, argument)`; it calls `settle(id, result)`. */
export function overWorkers(size, openWorker) {
  const resolvers = [];
  const freeIds = [];
  const workers = Array.from({ length: size }, () => {
    const worker = { inFlight: 0 };
    worker.send = openWorker((id, result) => {
      worker.inFlight -= 1;
      freeIds.push(id);
      resolvers[id](result);
    });
    return worker;
  });
  const run = (name, argument) =>
    new Promise((resolve) => {
      const id = freeIds.pop() ?? resolvers.length;
      resolvers[id] = resolve;
      let worker = workers[0];
      for (const other of workers) if (other.inFlight < worker.inFlight) worker = other;
      worker.inFlight += 1;
      worker.send(id, name, argument);
    });
  return { run };
}
