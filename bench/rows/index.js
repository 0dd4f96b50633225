/** All rows, in the order of the report. */
import { buffers, parsing, records } from './large-tasks.js';
import { deepQueue, map, mapMemory, queuedBytes } from './many-tasks.js';
import { realWork } from './real-work.js';
import { reliability } from './reliability.js';
import { burst, burstRetried, coldStart, inFlight, inFlightRetried, roundTrip, systemCalls } from './small-tasks.js';
import { idleCost, replacement, storm, workerMemory } from './supervision.js';

export const rows = [
  inFlight,
  inFlightRetried,
  systemCalls,
  burst,
  burstRetried,
  deepQueue,
  queuedBytes,
  map,
  mapMemory,
  roundTrip,
  ...buffers,
  records,
  parsing,
  replacement,
  storm,
  workerMemory,
  idleCost,
  coldStart,
  ...realWork,
  reliability,
];

/** `P5` means all of its parts: `P5 1 MiB`, `P5 16 MiB`; `P1` does not mean `P10`. */
export const selected = (only) =>
  only === undefined ? rows : rows.filter(({ id }) => only.some((name) => id.startsWith(name) && !/^\d/.test(id.slice(name.length))));
