/** A goal is `{ text, ratio(medians), atLeast | atMost }`. */
import { processPeers } from '../contenders/index.js';

const known = (medians, names) => names.map((name) => medians[name]).filter((value) => value !== undefined);

export const most = (medians, names) => Math.max(...known(medians, names));
export const least = (medians, names) => Math.min(...known(medians, names));

/** The figure of one entry divided by that of another. */
export const ratio = (of, to) => (medians) => medians[of] / medians[to];

export const timesBestPeer = (factor) => ({
  text: `≥ ${factor} × the best process peer`,
  ratio: (medians) => medians.everpool / most(medians, processPeers),
  atLeast: factor,
});

export const timesFastestPeer = (factor) => ({
  text: `≤ ${factor} × the fastest process peer`,
  ratio: (medians) => medians.everpool / least(medians, processPeers),
  atMost: factor,
});
