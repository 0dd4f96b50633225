/** Rules that look right, and the guarantee that each breaks. */
import { RIGHT, type Rules } from './rules.js';
import type { Scene } from './world.js';

export interface WrongOrder {
  readonly name: string;
  readonly rules: Rules;
  readonly scene: Scene;
  /** The guarantee that it breaks. A healthy worker that is killed as faulty is a breach of G5. */
  readonly breaks: string;
}

const TWO: Scene = { tasks: [{}, {}], disturbances: 1 };
const THREE: Scene = { tasks: [{}, {}, {}], disturbances: 1 };
const TWO_TWICE: Scene = { tasks: [{}, {}], disturbances: 2 };
const THIEF: Scene = { tasks: [{ thefts: 1 }, {}, {}], disturbances: 1 };
const SPINNING_THIEF: Scene = { tasks: [{ thefts: 1, spins: true }, {}], disturbances: 0 };

const wrong = (name: string, rules: Partial<Rules>, scene: Scene, breaks: string): WrongOrder => ({
  name,
  rules: { ...RIGHT, ...rules },
  scene,
  breaks,
});

export const WRONG_ORDERS: readonly WrongOrder[] = [
  wrong('frames are written before their offers', { flush: ['write frames', 'write offers'] }, TWO, 'G5'),
  wrong('a task is answered after the next one was claimed', { repliesFirst: false, checksPlaces: false }, TWO, 'G5'),
  wrong('the kill comes before the recall', { kill: ['kill', 'recall'] }, TWO, 'G5'),
  wrong('a kill for a task although a later one has started', { killsPastLater: true }, TWO, 'G5'),
  wrong('the worker hears nothing of a recall', { sendsRecalled: () => false }, TWO, 'G5'),
  wrong('the worker hears nothing of a recall that read nothing', { sendsRecalled: (hasRead) => hasRead }, TWO, 'G5'),
  wrong('the news of a recall goes before the frames of its attempts', { recalledGoesLast: false }, TWO, 'G5'),
  wrong('a starved worker goes on sleeping after a recall', { wakesWhenRecalled: false }, TWO, 'G1'),
  wrong('a starved worker is always a theft', { isTheft: () => true }, TWO, 'G5'),
  wrong('a starved worker is never a theft', { isTheft: () => false }, THIEF, 'G1'),
  wrong('a dropped attempt is never a theft', { believesDropped: false }, THIEF, 'G1'),
  wrong('the worker forgets everything that was recalled', { keepOf: () => 0 }, THREE, 'G5'),
  wrong('the worker forgets nothing that was recalled', { keepOf: (_open, { last }) => last }, TWO, 'G5'),
  wrong(
    'the worker forgets all if nothing is offered again',
    { keepOf: (_open, { offeredAgain }) => offeredAgain.at(-1) ?? 0 },
    THIEF,
    'G1',
  ),
  wrong(
    'the worker keeps what is below the first attempt recalled',
    { keepOf: (_open, { unclaimed, offeredAgain }) => offeredAgain.at(-1) ?? (unclaimed[0] ?? 0) - 1 },
    TWO_TWICE,
    'G5',
  ),
  wrong('attempts are offered again in reverse', { offersInOrder: (seqs) => seqs.reverse() }, THREE, 'G5'),
  wrong('a recall in two reads', { recall: ['read one record', 'recall'], believesDropped: false }, THREE, 'G6'),
  wrong('a recall that leaves the records in the file', { takesRecords: false }, TWO, 'G6'),
  wrong(
    'a withdrawal takes what has started, too',
    { countUnclaimed: (read, { purpose }) => (purpose === 'withdraw' ? 9 : read) },
    TWO,
    'G2',
  ),
  wrong('what was not written to the file counts as started', { isPendingUnclaimed: false }, TWO, 'G3'),
  wrong('what a full file system did not take counts as offered', { remembersUnwritten: false }, TWO, 'G3'),
  wrong('a recall counts one too few as not started', { countUnclaimed: (read) => read - 1 }, TWO, 'G3'),
  wrong(
    'what a dead worker had claimed counts as not started',
    { countUnclaimed: (read, { purpose }) => (purpose === 'death' ? 9 : read) },
    TWO,
    'G3',
  ),
  wrong('the rest is not read at a death', { countUnclaimed: (read, { purpose }) => (purpose === 'death' ? 0 : read) }, TWO, 'G3'),
  wrong('a dead worker is buried before its messages were read', { readsAllOfDead: false }, TWO, 'G4'),
  wrong('the worker starts the head of its queue, not what it claimed', { startsWhatItClaimed: false }, THREE, 'G6'),
  wrong('a frame below the claimed number is queued', { dropsFramesBelowClaimed: false }, TWO_TWICE, 'G5'),
  wrong('"a later one has started, so this one has ended" is believed', { checksPlaces: false }, SPINNING_THIEF, 'G1'),
  wrong('a withdrawn task goes to the back', { redispatched: (tasks, queue) => [...queue, ...tasks] }, THREE, 'G14'),
  wrong('withdrawn tasks go to the front one by one', { redispatched: (tasks, queue) => [...tasks.reverse(), ...queue] }, THREE, 'G14'),
];
