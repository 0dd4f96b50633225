/**
 * A simulated platform (src/shared/platform.ts): its workers are not processes, and answer each
 * attempt immediately.
 *
 * So a measurement contains the parent's work for each task and nothing else. The platform keeps
 * the rules that the pool relies on: attempts start in the order in which they were sent, each is
 * claimed before it starts, nothing is reported before the next poll phase. The platform decodes nothing, allocates next to nothing, and calls nothing of dist/ that a figure
 * counts.
 */
import { encode } from '../dist/ipc/codec/codec.js';
import { RING } from '../dist/ipc/control-file-layout.js';
import { Flag, FrameType, HEADER_BYTES, MAGIC } from '../dist/ipc/frame.js';
import { Pool, platformOf } from '../dist/pool/pool.js';
import { NodeClock } from '../dist/shared/node-clock.js';

/** The name that the task module exports. */
export const TASK = 'noop';

const OUT_BYTES = 64 * 1024;
/** The apparent duration of one task: that of a no-op. */
const RUN_US = 1;
const JSON_CODEC = encode([]).codec;
/** The bodies of replies are JSON, padded so that each frame begins at a multiple of 8 bytes. */
const padded = (value) => {
  const text = JSON.stringify(value);
  return text.padEnd(Math.ceil(text.length / 8) * 8);
};
const EXPORTS = padded([TASK]);

/** A clock whose time passes only with work, so that each run does the same. */
export class VirtualClock {
  epoch = 0;
  #now = 1000;
  #nextDue = Number.POSITIVE_INFINITY;
  #timers = new Set();

  now() {
    return this.#now;
  }
  advance(ms) {
    this.#now += ms;
    if (this.#now < this.#nextDue) return;
    for (const timer of [...this.#timers].sort((a, b) => a.due - b.due)) {
      if (timer.due <= this.#now && this.#timers.delete(timer)) timer.callback();
    }
    this.#nextDue = Math.min(...[...this.#timers].map(({ due }) => due));
  }
  setTimer(callback, delayMs) {
    const timer = { timer: undefined, callback, due: this.#now + delayMs };
    this.#timers.add(timer);
    this.#nextDue = Math.min(this.#nextDue, timer.due);
    return timer;
  }
  clearTimer(timer) {
    this.#timers.delete(timer);
  }
  afterPoll(callback) {
    setImmediate(callback);
  }
  soon(callback) {
    queueMicrotask(callback);
  }
  hold() {
    // Nothing waits long: the immediates keep the process alive.
  }
  release() {
    // See `hold`.
  }
}

/**
 * All workers write their replies here: the reader takes whole frames immediately, and keeps
 * nothing of them.
 */
class Out {
  bytes = Buffer.from(new ArrayBuffer(OUT_BYTES));
  #u32 = new Uint32Array(this.bytes.buffer);
  #f64 = new Float64Array(this.bytes.buffer);
  length = 0;

  add(type, seq, time, a = 0, body = '') {
    const at = this.length;
    const [u32, f64] = [at / 4, at / 8];
    this.#u32[u32] = MAGIC | (type << 16) | ((body === '' ? 0 : JSON_CODEC) << 24);
    this.#u32[u32 + 1] = body.length;
    this.#f64[f64 + 1] = seq;
    this.#f64[f64 + 2] = time;
    this.#u32[u32 + 6] = a;
    this.#u32[u32 + 7] = 0;
    if (body !== '') this.bytes.latin1Write(body, at + HEADER_BYTES);
    this.length = at + HEADER_BYTES + body.length;
  }
}

class SimulatedWorker {
  pid;
  unsentBytes = 0;
  #spawner;
  #listener;
  #hasEnded = false;
  #isBooted = false;
  #isPinged = false;
  #isDue = false;
  // The control file, and the sent attempts: they are numbered without gaps, so two numbers are a
  // queue.
  #sent = 0;
  #started = 0;
  #offered = 0; // the last one
  #offers = new Float64Array(RING); // 0: recalled
  #items = new Uint32Array(RING); // of a chunk; 0: not a chunk
  #flags = new Uint8Array(RING);
  controlFile = {
    isLong: false,
    offer: (seq) => {
      this.#offered = seq;
      this.#offers[seq % RING] = seq;
    },
    commit: () => true,
    unclaimed: () => {
      for (let seq = this.#started + 1; seq <= this.#offered; seq += 1) if (this.#offers[seq % RING] === seq) return seq;
      return Number.POSITIVE_INFINITY;
    },
    recall: () => {
      const first = this.controlFile.unclaimed();
      for (let seq = first; seq <= this.#offered; seq += 1) this.#offers[seq % RING] = 0;
      return first;
    },
    abort: () => undefined, // whatever has started has ended
    expectItems: () => undefined,
    startedItems: () => 0,
  };

  constructor(pid, spawner, listener) {
    this.pid = pid;
    this.#spawner = spawner;
    this.#listener = listener;
    this.#later((heard) => heard.onSpawned());
  }

  /** Reads the headers now, because the parent reuses the bytes as soon as this returns. */
  send(parts) {
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index];
      let at = 0;
      while (at < part.length) {
        const length = part.readUInt32LE(at + 4);
        const from = at + HEADER_BYTES;
        // A large body does not follow its header but is the next part (src/ipc/frame-writer.ts).
        const isApart = from + length > part.length;
        if (part.readUInt16LE(at) !== MAGIC || (isApart && from < part.length)) throw new Error('bytes that are no frame');
        if (isApart) index += 1;
        this.#onFrame(part, at, isApart ? parts[index] : part, isApart ? 0 : from);
        at = isApart ? from : from + length;
      }
    }
    if (!this.#isDue) this.#spawner.due(this);
    this.#isDue = true;
    return true;
  }

  #onFrame(part, at, body, from) {
    switch (part[at + 2]) {
      case FrameType.Run:
        this.#onRun(part.readDoubleLE(at + 8), part[at + 30], part[at + 3], body, from);
        return;
      case FrameType.Boot:
        this.#isBooted = true;
        return;
      case FrameType.Ping:
        this.#isPinged = true;
        return;
      case FrameType.Leave:
        this.#end(0, null);
    }
  }

  #onRun(seq, flags, codec, body, from) {
    if (seq !== this.#sent + 1) throw new Error(`attempt ${seq} was sent after ${this.#sent}`);
    if (seq - this.#started > RING) throw new Error(`more than ${RING} attempts are with one worker`);
    if ((flags & Flag.Stream) !== 0) throw new Error('streams are not simulated');
    this.#sent = seq;
    this.#flags[seq % RING] = flags;
    this.#items[seq % RING] = (flags & Flag.Chunk) === 0 ? 0 : countItems(codec, body, from);
  }

  /** Tasks end immediately, so everything that was sent is answered. */
  answer(out, time) {
    this.#isDue = false;
    if (this.#hasEnded) return;
    if (this.#isBooted) out.add(FrameType.Ready, 0, time, 0, EXPORTS);
    if (this.#isPinged) out.add(FrameType.Pong, 0, time);
    this.#isBooted = false;
    this.#isPinged = false;
    while (this.#started < this.#sent) {
      this.#started += 1;
      this.#answer(out, this.#started, time);
    }
    this.#flush(out);
  }

  #answer(out, seq, time) {
    const at = seq % RING;
    if (this.#offers[at] !== seq) return; // withdrawn
    const items = this.#items[at];
    if (items > 0) this.#report(out, seq, time, items, (this.#flags[at] & Flag.Exact) !== 0 ? 1 : items);
    out.add(FrameType.Result, seq, time, Math.max(items, 1) * RUN_US);
    if (out.length > OUT_BYTES / 2) this.#flush(out);
  }

  /** The values of a chunk, in portions (src/worker/chunks.ts). */
  #report(out, seq, time, items, portion) {
    for (let first = 0; first < items; first += portion) {
      out.add(FrameType.Value, seq, time, 0, padded([first, portion, []]));
      if (out.length > OUT_BYTES / 2) this.#flush(out);
    }
  }

  #flush(out) {
    const { length } = out;
    out.length = 0;
    if (length > 0) this.#listener?.onData(out.bytes.subarray(0, length));
  }

  disconnect() {
    this.#end(1, null);
  }
  signal(signal) {
    if (this.#hasEnded) return false;
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#end(null, signal);
    return true;
  }
  sweep() {
    return Promise.resolve(true);
  }
  vitals() {
    return undefined;
  }
  waitedMs() {
    return 0;
  }
  stack() {
    return Promise.resolve(undefined);
  }
  release() {
    this.#listener = undefined;
  }

  #end(code, signal) {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#later((heard) => {
      heard.onExit(code, signal);
      heard.onReadEnd();
    });
  }

  #later(call) {
    this.#spawner.clock.afterPoll(() => {
      if (this.#listener !== undefined) call(this.#listener);
    });
  }

  get sent() {
    return this.#sent - this.#started;
  }
}

/**
 * The number of items, each of one number, in the body of a chunk: lists of arguments, or `{ only
 * }` (src/worker/chunks.ts).
 */
function countItems(codec, body, from) {
  if (codec === JSON_CODEC) return body[from] === 0x7b ? countCommas(body, from) + 1 : countLists(body, from);
  // V8's format: two bytes of version, seven of the object and its key for `{ only }`, 'A', and the
  // length in groups of seven bits.
  const at = from + (body[from + 2] === 0x6f ? 10 : 3);
  let count = 0;
  for (let next = at, shift = 0; ; next += 1, shift += 7) {
    count |= (body[next] & 0x7f) << shift;
    if (body[next] < 0x80) return count;
  }
}

function countCommas(body, from) {
  let commas = 0;
  for (let at = from; body[at] !== 0x5d; at += 1) if (body[at] === 0x2c) commas += 1;
  return commas;
}

function countLists(body, from) {
  let brackets = 0;
  for (let at = from, depth = 0; at === from || depth > 0; at += 1) {
    if (body[at] === 0x5b) brackets += 1;
    depth += Number(body[at] === 0x5b) - Number(body[at] === 0x5d);
  }
  return brackets - 1;
}

class SimulatedSpawner {
  clock;
  #out = new Out();
  #due = [];
  #answering = [];
  #count = 0;
  #answer = () => {
    [this.#answering, this.#due] = [this.#due, this.#answering];
    for (const worker of this.#answering) {
      this.clock.advance?.((worker.sent * RUN_US) / 1000);
      worker.answer(this.#out, this.clock.now());
    }
    this.#answering.length = 0;
  };

  constructor(clock) {
    this.clock = clock;
  }

  spawn(_workerId, listener) {
    this.#count += 1;
    return new SimulatedWorker(this.#count, this, listener);
  }

  /** One round for all workers that were written to in the same turn, in that order. */
  due(worker) {
    if (this.#due.push(worker) === 1) this.clock.afterPoll(this.#answer);
  }

  close() {
    // The workers have ended one by one.
  }
}

/** A pool whose workers are simulated, and ready. Its only task is TASK. */
export async function simulatedPool(options, clock = new NodeClock()) {
  const real = platformOf.make;
  platformOf.make = () => ({
    clock,
    spawner: new SimulatedSpawner(clock),
    journals: undefined,
    random: () => 0.5,
    spawnConcurrency: Number.POSITIVE_INFINITY,
  });
  let pool;
  try {
    pool = new Pool({ queueLimit: Number.POSITIVE_INFINITY, ...options });
  } finally {
    platformOf.make = real;
  }
  await pool.ready();
  return pool;
}
