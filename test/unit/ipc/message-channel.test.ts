import { describe, expect, test } from 'vitest';
import { FrameType, type Message, ProtocolError } from '../../../src/ipc/frame.js';
import { FrameWriter } from '../../../src/ipc/frame-writer.js';
import { FramedChannel } from '../../../src/ipc/message-channel.js';
import type { WorkerProcess } from '../../../src/shared/platform.js';

/**
 * A channel whose process keeps what is sent; `accepts` says whether a write is done immediately.
 */
function channelOf(onMessage: (message: Message) => void = () => undefined) {
  const writes: Buffer[][] = [];
  const process = {
    accepts: true,
    send(parts: readonly Buffer[]): boolean {
      writes.push([...parts]);
      return this.accepts;
    },
  };
  const channel = new FramedChannel(process as unknown as WorkerProcess, onMessage);
  return { channel, process, writes };
}

/** Longer than the body of any message. */
const TOO_LONG = { length: 2 ** 32 } as Buffer;

/** The sequence numbers of the messages in what was written. */
function seqsIn(parts: readonly Buffer[]): number[] {
  const seqs: number[] = [];
  const reader = channelOf((message) => seqs.push(message.seq));
  const bytes = Buffer.concat(parts);
  expect(reader.channel.receive(bytes, bytes.length)).toBe(true);
  return seqs;
}

const ping = (seq: number): Buffer => {
  const writer = new FrameWriter();
  writer.add({ type: FrameType.Ping, seq });
  return Buffer.concat(writer.take());
};

describe('messages to a worker', () => {
  test('leave in one write, in order, when they are flushed, and never twice', () => {
    const { channel, writes } = channelOf();
    for (const seq of [1, 2, 3]) channel.add({ type: FrameType.Ping, seq });
    expect(writes).toEqual([]);
    expect(channel.flush()).toBe(true);
    expect(channel.flush()).toBe(true);
    expect(writes.map(seqsIn)).toEqual([[1, 2, 3]]);
  });

  test('are not written over by later ones while the system has yet to take them', () => {
    const { channel, process, writes } = channelOf();
    process.accepts = false;
    for (const seq of [1, 2, 3]) {
      channel.add({ type: FrameType.Run, seq }, `body ${seq}`);
      channel.flush();
    }
    expect(writes.map(seqsIn)).toEqual([[1], [2], [3]]);
  });

  test('that cannot be written are reported once, and nothing is sent from then on', () => {
    const { channel, writes } = channelOf();
    channel.add({ type: FrameType.Run, seq: 1 }, TOO_LONG);
    channel.add({ type: FrameType.Ping, seq: 2 });
    expect(channel.flush()).toBe(false);
    expect(channel.flush()).toBe(true);
    expect(writes).toEqual([]);
    expect(channel.fault).toBeInstanceOf(ProtocolError);
    expect(channel.fault?.message).toMatch(/^a message could not be written: RangeError: a body of 4294967296 bytes/);
  });

  test('that the process refuses by an error are reported, with the error as the cause', () => {
    const { channel, process } = channelOf();
    const cause = new Error('EBADF');
    process.send = () => {
      throw cause;
    };
    channel.add({ type: FrameType.Ping, seq: 1 });
    expect(channel.flush()).toBe(false);
    expect(channel.fault).toMatchObject({ name: 'ProtocolError', cause });
  });
});

describe('bytes of a worker', () => {
  test('become messages, however they are cut', () => {
    const seqs: number[] = [];
    const { channel } = channelOf((message) => seqs.push(message.seq));
    const bytes = Buffer.concat([ping(1), ping(2), ping(3)]);
    for (const byte of bytes) expect(channel.receive(Buffer.from([byte]), 1)).toBe(true);
    expect(seqs).toEqual([1, 2, 3]);
  });

  test('count only up to the given length: the rest of the chunk is old', () => {
    const seqs: number[] = [];
    const { channel } = channelOf((message) => seqs.push(message.seq));
    const chunk = Buffer.concat([ping(1), Buffer.alloc(100, 'what an earlier read has left')]);
    expect(channel.receive(chunk, ping(1).length)).toBe(true);
    expect([seqs, channel.fault]).toEqual([[1], undefined]);
  });

  test('that are no message are reported once, and nothing is believed or sent from then on', () => {
    const seqs: number[] = [];
    const { channel, writes } = channelOf((message) => seqs.push(message.seq));
    const noise = Buffer.concat([ping(1), Buffer.from('garbage, longer than the header of a message')]);
    expect(channel.receive(noise, noise.length)).toBe(false);
    expect(channel.receive(ping(2), ping(2).length)).toBe(true);
    channel.add({ type: FrameType.Ping, seq: 3 });
    expect(channel.flush()).toBe(true);
    expect([seqs, writes, channel.receiveBuffer]).toEqual([[1], [], undefined]);
    expect(channel.fault).toBeInstanceOf(ProtocolError);
  });

  test('whose message its receiver throws at are a fault of the worker, never an exception', () => {
    const { channel } = channelOf(() => {
      throw new TypeError('no such attempt');
    });
    expect(channel.receive(ping(1), ping(1).length)).toBe(false);
    expect(channel.fault?.message).toBe('a message could not be read: TypeError: no such attempt');
  });

  test('of a large message have no place any more after a fault', () => {
    const { channel } = channelOf();
    const writer = new FrameWriter();
    writer.add({ type: FrameType.Result, seq: 1 }, Buffer.alloc(500_000));
    channel.receive(Buffer.concat(writer.take()), 200_000);
    expect(channel.receiveBuffer).toBeDefined();
    channel.add({ type: FrameType.Run, seq: 1 }, TOO_LONG);
    expect(channel.receiveBuffer).toBeUndefined();
  });

  test('of a large message are read straight to where they belong', () => {
    const bodies: Buffer[] = [];
    const { channel } = channelOf((message) => bodies.push(message.body as Buffer));
    expect(channel.receiveBuffer).toBeUndefined();
    const body = Buffer.alloc(500_000, 7);
    const writer = new FrameWriter();
    writer.add({ type: FrameType.Result, seq: 1 }, body);
    const bytes = Buffer.concat(writer.take());
    channel.receive(bytes.subarray(0, 200_000), 200_000);
    for (let at = 200_000; at < bytes.length; ) {
      const target = channel.receiveBuffer as Buffer;
      const count = bytes.copy(target, 0, at);
      expect(count).toBeGreaterThan(0);
      channel.receive(target, count);
      at += count;
    }
    expect(bodies.map((each) => each.equals(body))).toEqual([true]);
  });
});
