/** What the simulation can do and the pool cannot stand yet; each goes when that is mended. */
import type { Place } from './hostile.js';

export const PENDING: {
  readonly places: readonly Place[];
  readonly forges: boolean;
  readonly lazy: boolean;
  readonly queueTimeouts: boolean;
  readonly boots: boolean;
  readonly floods: boolean;
  readonly poison: boolean;
} = {
  places: [],
  forges: false,
  lazy: false,
  queueTimeouts: false,
  boots: false,
  floods: false,
  poison: false,
};
