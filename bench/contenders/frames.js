/**
 * The frames of the raw channel: 32 bytes of header (length, id, task), then a payload of bytes.
 * Nothing is allocated for a message: headers go through one outbox, payloads into one target.
 */
import { Socket } from 'node:net';

/** The tasks of the raw channel, by number. */
export const taskNames = ['noop', 'echo'];

const same = (payload) => payload;

/** The form of an argument on the wire. */
export const codecs = {
  bytes: { encode: same, decode: same, isOwned: false },
  owned: { encode: same, decode: same, isOwned: true },
  json: {
    encode: (value) => (value === undefined ? undefined : Buffer.from(JSON.stringify(value))),
    decode: (payload) => (payload === undefined ? undefined : JSON.parse(payload.toString())),
    isOwned: false,
  },
};

const HEADER_BYTES = 32;
const READ_BYTES = 1024 * 1024;

/** The headers of one turn, one after another. */
export class Outbox {
  #bytes = Buffer.alloc(READ_BYTES);
  #used = 0;

  get isEmpty() {
    return this.#used === 0;
  }

  add(length, id, task) {
    if (this.#used === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, this.#bytes]);
    this.#bytes.writeUInt32LE(length, this.#used);
    this.#bytes.writeUInt32LE(id, this.#used + 4);
    this.#bytes.writeUInt32LE(task, this.#used + 8);
    this.#used += HEADER_BYTES;
  }

  /** The headers that were added; valid until the next `add`. */
  take() {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return taken;
  }
}

/**
 * Reads frames from `source` (`{ fd }` or `{ handle }`). A payload is valid until `onFrame`
 * returns, unless each has memory of its own.
 */
export function readFrames({ isOwned, ...source }, onFrame, onTurnEnd) {
  const small = Buffer.allocUnsafeSlow(READ_BYTES);
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  let target = Buffer.alloc(0);
  let length = 0;
  let filled = 0;

  const deliver = () => {
    headerBytes = 0;
    onFrame(header.readUInt32LE(4), header.readUInt32LE(8), length === 0 ? undefined : target.subarray(0, length));
  };
  const isInPayload = () => headerBytes === HEADER_BYTES;

  function receive(chunk, bytes) {
    if (isInPayload() && chunk.buffer === target.buffer) {
      filled += bytes; // the bytes were read to their place
      if (filled === length) deliver();
      return;
    }
    for (let at = 0; at < bytes; ) {
      if (isInPayload()) {
        const part = Math.min(length - filled, bytes - at);
        chunk.copy(target, filled, at, at + part);
        at += part;
        filled += part;
      } else {
        const part = Math.min(HEADER_BYTES - headerBytes, bytes - at);
        chunk.copy(header, headerBytes, at, at + part);
        at += part;
        headerBytes += part;
        if (!isInPayload()) return;
        length = header.readUInt32LE(0);
        filled = 0;
        if (isOwned || length > target.length) target = Buffer.allocUnsafeSlow(length);
      }
      if (isInPayload() && filled === length) deliver();
    }
  }

  new Socket({
    ...source,
    readable: true,
    writable: false,
    onread: {
      buffer: () => (isInPayload() ? target.subarray(filled, length) : small),
      callback(bytes, chunk) {
        receive(chunk, bytes);
        onTurnEnd?.();
        return true;
      },
    },
  });
}
