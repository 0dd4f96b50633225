/**
 * A worker whose task code writes and reads where it should not: it writes frames of its own into
 * the channel, and reads what is offered to the worker.
 */
import { FrameType, HEADER_BYTES, MAGIC } from '../../src/ipc/frame.js';
import type { Random } from '../../src/testing/random.js';
import type { SimControlFile } from './sim-control-file.js';

export type Forgery = 'header' | 'frame' | 'control-file' | 'values';
export const FORGERIES: readonly Forgery[] = ['header', 'header', 'frame', 'control-file', 'control-file', 'values'];

const TYPES: readonly number[] = Object.values(FrameType).filter((type) => type >= FrameType.Ready);
const ODD: readonly number[] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -1, 1e300, 0.5, 2 ** 53];
/** More values than any window holds. */
const FLOOD = 60;

export class Forger {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Changes one field of a header. */
  altered(bytes: Buffer, now: number): Buffer {
    const random = this.#random;
    const forged = Buffer.from(bytes);
    switch (random.integer(0, 8)) {
      case 0:
        forged[2] = random.pick(TYPES);
        break;
      case 1:
        forged[2] = random.integer(0, 255);
        break;
      case 2:
        forged.writeDoubleLE(this.#seq(forged.readDoubleLE(8)), 8);
        break;
      case 3:
      case 4:
        forged.writeDoubleLE(random.chance(0.5) ? random.pick(ODD) : now + random.between(-1e6, 1e6), 16);
        if (random.chance(0.5)) return startOf(forged);
        break;
      case 5:
        forged.writeUInt32LE(random.pick([0, 1, 0xffff_ffff, random.integer(0, 1e6)]), 24);
        break;
      case 6:
        forged.writeUInt16LE(random.integer(0, 0xffff), 28);
        break;
      case 7:
        forged[30] = random.integer(0, 255);
        break;
      default:
        if (random.chance(0.5)) forged[3] = random.integer(0, 255);
        else forged[31] = random.integer(0, 255);
        for (let at = HEADER_BYTES; at < forged.length; at += random.integer(1, 8)) forged[at] = random.integer(0, 255);
    }
    return forged;
  }

  /** Makes a frame of its own, about a present, past or future attempt. */
  invented(lastSeq: number, now: number): Buffer {
    const random = this.#random;
    const body = random.chance(0.5) ? Buffer.alloc(0) : Buffer.from(random.pick(['1', '"text"', '{}', '[]', 'null', '[0,3,[]]', '\xff']));
    const frame = Buffer.alloc(HEADER_BYTES + body.length);
    frame.writeUInt16LE(MAGIC, 0);
    frame[2] = random.chance(0.4) ? FrameType.Result : random.pick(TYPES);
    frame[3] = random.integer(0, 3);
    frame.writeUInt32LE(body.length, 4);
    frame.writeDoubleLE(this.#seq(lastSeq), 8);
    frame.writeDoubleLE(random.chance(0.3) ? random.pick(ODD) : now, 16);
    frame.writeUInt32LE(random.integer(0, 1000), 24);
    frame[30] = random.chance(0.5) ? 0 : random.integer(0, 255);
    body.copy(frame, HEADER_BYTES);
    return frame;
  }

  /** Sends a value of a stream again and again, though nobody takes it. */
  flood(value: Buffer): Buffer[] {
    return Array.from({ length: FLOOD }, () => Buffer.from(value));
  }

  /** Reads what is offered to the worker: some offers, or a part of one. Returns those it took. */
  steal(controlFile: SimControlFile): number[] {
    return controlFile.steal(this.#random.integer(0, 3), this.#random.chance(0.3));
  }

  #seq(seq: number): number {
    const random = this.#random;
    return random.chance(0.3) ? random.pick(ODD) : seq + random.integer(-2, 2);
  }
}

/** The frames that say only that the attempt has started, and when: they have no body. */
function startOf(frame: Buffer): Buffer {
  const start = Buffer.from(frame.subarray(0, HEADER_BYTES));
  start[2] = FrameType.Started;
  start.writeUInt32LE(0, 4);
  start[31] = 0;
  return start;
}
