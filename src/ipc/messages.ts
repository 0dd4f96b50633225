/**
 * What each message carries in its header, by name.
 *
 * A header has three numbers whose meaning depends on the type of the message: `a`, `b` and `time`
 * (frame.ts). This file alone knows which is which: functions named `…Message` make a header, the
 * others read one. Each is small enough for V8 to inline.
 *
 * The messages that are sent for each task share one header object, so that none is allocated: a
 * header is valid until the next one is made.
 */
import type { AbortKind } from '../shared/platform.js';
import { abortCode, abortKindOfCode } from './abort-codes.js';
import { type FrameHeader, FrameType, type Message, type MessageOf } from './frame.js';

type Types = typeof FrameType;
export type RunMessage = MessageOf<Types['Run']>;

const MAX_U32 = 0xffff_ffff;

const shared = { type: FrameType.Run as FrameType, codec: 0, seq: 0, time: 0, a: 0, b: 0, flags: 0 };

// ---- parent to worker

/** @param memoryReportMs how often the worker reports its resident memory; 0: never */
export function bootMessage(codec: number, workerId: number, memoryReportMs: number): FrameHeader {
  return { type: FrameType.Boot, codec, a: workerId, b: memoryReportMs };
}
export function workerIdOf(message: MessageOf<Types['Boot']>): number {
  return message.a;
}
export function memoryReportMsOf(message: MessageOf<Types['Boot']>): number {
  return message.b;
}

/** The body is the name of a task; Run messages then refer to it by `nameId`. */
export function defineMessage(codec: number, nameId: number): FrameHeader {
  return { type: FrameType.Define, codec, a: nameId };
}
export function nameIdOf(message: MessageOf<Types['Define' | 'Run']>): number {
  return message.a;
}

export function runMessage(codec: number, seq: number, taskId: number, nameId: number, attemptNumber: number, flags: number): FrameHeader {
  shared.type = FrameType.Run;
  shared.codec = codec;
  shared.seq = seq;
  shared.time = taskId;
  shared.a = nameId;
  shared.b = attemptNumber;
  shared.flags = flags;
  return shared;
}
export function taskIdOf(message: RunMessage): number {
  return message.time;
}
/** 1 for the first start of the task. */
export function attemptNumberOf(message: RunMessage): number {
  return message.b;
}

/** @param softTimeoutMs the limit that has passed, for the default reason; 0 for a cancellation */
export function abortMessage(codec: number, seq: number, kind: AbortKind, softTimeoutMs: number): FrameHeader {
  return { type: FrameType.Abort, codec, seq, a: softTimeoutMs, b: abortCode(kind) };
}
/** An unknown code cancels: the attempt must end rather than go on. */
export function abortKindOf(message: MessageOf<Types['Abort']>): AbortKind {
  return abortKindOfCode(message.b) ?? 'cancel';
}
export function softTimeoutMsOf(message: MessageOf<Types['Abort']>): number {
  return message.a;
}

/** The reader of the attempt's stream has taken `count` more values. */
export function takenMessage(seq: number, count: number): FrameHeader {
  return { type: FrameType.Taken, seq, a: count };
}
export function takenCountOf(message: MessageOf<Types['Taken']>): number {
  return message.a;
}

/**
 * Of the attempts up to `seq` that the worker has not claimed, those after `kept` are withdrawn.
 * Those up to `kept` are offered again, or withdrawn too: then the worker skips them.
 */
export function recalledMessage(seq: number, kept: number): FrameHeader {
  return { type: FrameType.Recalled, seq, time: kept };
}
export function keptOf(message: MessageOf<Types['Recalled']>): number {
  return message.time;
}

/** The Pong has the same `question`; 0: any sign of life will do. */
export function pingMessage(question = 0): FrameHeader {
  return { type: FrameType.Ping, seq: question };
}
export function questionOf(message: MessageOf<Types['Ping' | 'Pong']>): number {
  return message.seq;
}

export function leaveMessage(): FrameHeader {
  return { type: FrameType.Leave };
}

export function exitMessage(exitCode: number): FrameHeader {
  return { type: FrameType.Exit, a: exitCode };
}
export function exitCodeOf(message: MessageOf<Types['Exit']>): number {
  return message.a;
}

// ---- worker to parent

/**
 * @param seq the attempt, or the question of a Pong; 0 for neither
 * @param sentAt on the shared clock
 * @param runMs of a Result or Failure: how long the attempt ran
 */
export function replyMessage(type: FrameType, codec: number, seq: number, sentAt: number, runMs = 0, flags = 0): FrameHeader {
  shared.type = type;
  shared.codec = codec;
  shared.seq = seq;
  shared.time = sentAt;
  shared.a = runMs > 0 ? Math.min(Math.round(runMs * 1000), MAX_U32) : 0;
  shared.b = 0;
  shared.flags = flags;
  return shared;
}
/** How long the attempt of a Result or Failure ran, to the microsecond. */
export function runMsOf(message: Message): number {
  return message.a / 1000;
}
/** A worker may claim any duration (G9). */
export function limitRunMs(message: Message, mostMs: number): void {
  message.a = Math.min(message.a, Math.floor(mostMs * 1000));
}

/** @param recalls how many Recalled the worker had received when it found no offer */
export function starvedMessage(recalls: number): FrameHeader {
  return { type: FrameType.Starved, a: recalls };
}
export function recallsOf(message: Message): number {
  return message.a;
}

export function memoryMessage(sentAt: number, rssBytes: number): FrameHeader {
  return { type: FrameType.Memory, time: sentAt, a: Math.round(rssBytes / 1024) };
}
/** To the KiB. */
export function rssBytesOf(message: MessageOf<Types['Memory']>): number {
  return message.a * 1024;
}
