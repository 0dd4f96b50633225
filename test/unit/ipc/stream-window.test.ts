import { describe, expect, test } from 'vitest';
import { MOST_BYTES, StreamWindow, sizeOf, WINDOW_VALUES } from '../../../src/ipc/stream-window.js';

const MIB = 1024 * 1024;

describe('the window of a stream', () => {
  test('is full with its number of values, however small, and has a place for each that is taken', () => {
    const window = new StreamWindow();
    for (let count = 1; count <= WINDOW_VALUES; count += 1) {
      expect(window.isFull).toBe(false);
      window.sent(0);
    }
    expect(window.isFull).toBe(true);
    window.taken(1);
    expect(window.isFull).toBe(false);
    window.sent(0);
    expect(window.isFull).toBe(true);
  });

  test('is full with one MiB, of one value or of several', () => {
    const window = new StreamWindow();
    window.sent(MIB / 2);
    window.sent(MIB / 2 - 1);
    expect(window.isFull).toBe(false);
    window.sent(1);
    expect(window.isFull).toBe(true);
    window.taken(1);
    expect(window.isFull).toBe(false);
    window.sent(50 * MIB);
    expect(window.isFull).toBe(true);
  });

  test('gives back the bytes of the oldest values, in the order in which they were sent', () => {
    const window = new StreamWindow();
    window.sent(10);
    window.sent(2 * MIB);
    window.taken(1);
    expect(window.isFull).toBe(true);
    window.taken(1);
    expect(window.isFull).toBe(false);
  });

  test('takes no harm from a reader that claims to have taken more than was sent', () => {
    const window = new StreamWindow();
    window.sent(MIB);
    window.taken(1000);
    window.sent(MIB - 1);
    expect(window.isFull).toBe(false);
    window.sent(1);
    expect(window.isFull).toBe(true);
  });

  test('is empty after clear', () => {
    const window = new StreamWindow();
    for (let count = 0; count < WINDOW_VALUES; count += 1) window.sent(MIB);
    window.clear();
    window.sent(MIB - 1);
    expect(window.isFull).toBe(false);
  });

  test('of the parent is wide enough for each text that the window of a worker lets pass', () => {
    const [worker, parent] = [new StreamWindow(), new StreamWindow(MOST_BYTES)];
    const text = 'ж€'.repeat(MIB / 2 - 1);
    worker.sent(sizeOf(text, []));
    parent.sent(sizeOf(Buffer.from(text), []));
    expect([worker.isFull, parent.isFull]).toEqual([false, false]);
  });
});

test('the size of a value is that of its body and its attachments', () => {
  expect(sizeOf(undefined, [])).toBe(0);
  expect(sizeOf('text', [])).toBe(4);
  expect(sizeOf(Buffer.alloc(10), [Buffer.alloc(5), Buffer.alloc(7)])).toBe(22);
});
