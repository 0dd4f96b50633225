import { describe, expect, test } from 'vitest';
import { type FrameHeader, FrameType, type Message } from '../../../src/ipc/frame.js';
import { FrameReader } from '../../../src/ipc/frame-reader.js';
import { FrameWriter } from '../../../src/ipc/frame-writer.js';
import * as messages from '../../../src/ipc/messages.js';

type Read = (message: never) => unknown;

/** The message as the other side reads it. */
function received(header: FrameHeader): Message {
  const arrived: Message[] = [];
  const writer = new FrameWriter();
  writer.add(header);
  const reader = new FrameReader((message) => arrived.push(message));
  for (const part of writer.take()) reader.push(part);
  expect(arrived).toHaveLength(1);
  return arrived[0] as Message;
}

describe('each field of a message is read as it was written:', () => {
  test.each<[string, FrameHeader, FrameType, [Read, unknown][]]>([
    [
      'Boot',
      messages.bootMessage(2, 7, 100),
      FrameType.Boot,
      [
        [messages.workerIdOf, 7],
        [messages.memoryReportMsOf, 100],
      ],
    ],
    ['Define', messages.defineMessage(1, 9), FrameType.Define, [[messages.nameIdOf, 9]]],
    [
      'Abort for a soft timeout',
      messages.abortMessage(0, 5, 'soft-timeout', 250),
      FrameType.Abort,
      [
        [messages.abortKindOf, 'soft-timeout'],
        [messages.softTimeoutMsOf, 250],
      ],
    ],
    ['Abort for a cancellation', messages.abortMessage(0, 5, 'cancel', 0), FrameType.Abort, [[messages.abortKindOf, 'cancel']]],
    ['Taken', messages.takenMessage(5, 8), FrameType.Taken, [[messages.takenCountOf, 8]]],
    ['Ping', messages.pingMessage(3), FrameType.Ping, [[messages.questionOf, 3]]],
    ['Ping that asks nothing', messages.pingMessage(), FrameType.Ping, [[messages.questionOf, 0]]],
    ['Leave', messages.leaveMessage(), FrameType.Leave, []],
    ['Exit', messages.exitMessage(3), FrameType.Exit, [[messages.exitCodeOf, 3]]],
    ['Memory', messages.memoryMessage(1.5, 3 * 1024 * 1024 + 100), FrameType.Memory, [[messages.rssBytesOf, 3 * 1024 * 1024]]],
  ])('%s', (_name, header, type, fields) => {
    const message = received(header);
    expect(message.type).toBe(type);
    for (const [read, value] of fields) expect(read(message as never)).toBe(value);
  });

  test('Run', () => {
    const message = received(messages.runMessage(1, 12, 2 ** 40, 3, 4, 5)) as messages.RunMessage;
    expect(message).toMatchObject({ type: FrameType.Run, codec: 1, seq: 12, flags: 5 });
    expect([messages.taskIdOf(message), messages.nameIdOf(message), messages.attemptNumberOf(message)]).toEqual([2 ** 40, 3, 4]);
  });

  test('a reply, after a Run that used the same header', () => {
    messages.runMessage(1, 12, 13, 3, 4, 5);
    const message = received(messages.replyMessage(FrameType.Result, 2, 12, 1000.5, 2.5));
    expect(message).toMatchObject({ type: FrameType.Result, codec: 2, seq: 12, time: 1000.5, b: 0, flags: 0 });
    expect(messages.runMsOf(message)).toBe(2.5);
    messages.limitRunMs(message, 1.0005);
    expect(messages.runMsOf(message)).toBe(1);
    messages.limitRunMs(message, 2);
    expect(messages.runMsOf(message)).toBe(1);
  });
});

test.each([
  [0.0004, 0],
  [-1, 0],
  [Number.NaN, 0],
  [1e9, 0xffff_ffff / 1000],
])('a run time of %d ms is sent as %d', (runMs, sent) => {
  expect(messages.runMsOf(received(messages.replyMessage(FrameType.Result, 0, 1, 1, runMs)))).toBe(sent);
});

test('an unknown kind of abort cancels', () => {
  const message = received({ type: FrameType.Abort, seq: 1, b: 77 });
  expect(messages.abortKindOf(message as never)).toBe('cancel');
});
