/** `run()` over bare processes: numbers the tasks, keeps their promises, and takes the lane with the least in flight. */

/** `openLane(settle)` gives `send(id, name, argument)`; it calls `settle(id, result)`. */
export function overLanes(size, openLane) {
  const resolvers = [];
  const freeIds = [];
  const lanes = Array.from({ length: size }, () => {
    const lane = { inFlight: 0 };
    lane.send = openLane((id, result) => {
      lane.inFlight -= 1;
      freeIds.push(id);
      resolvers[id](result);
    });
    return lane;
  });
  const run = (name, argument) =>
    new Promise((resolve) => {
      const id = freeIds.pop() ?? resolvers.length;
      resolvers[id] = resolve;
      let lane = lanes[0];
      for (const other of lanes) if (other.inFlight < lane.inFlight) lane = other;
      lane.inFlight += 1;
      lane.send(id, name, argument);
    });
  return { run };
}
