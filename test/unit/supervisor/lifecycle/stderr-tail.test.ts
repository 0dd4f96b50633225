import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StderrTail } from '../../../../src/supervisor/lifecycle/stderr-tail.js';

function tailOf(...chunks: readonly (string | Buffer)[]): string {
  const tail = new StderrTail();
  for (const chunk of chunks) tail.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return tail.toString();
}

describe('tail', () => {
  test('short output is kept whole', () => {
    expect(tailOf()).toBe('');
    expect(tailOf('')).toBe('');
    expect(tailOf('ab', 'c')).toBe('abc');
  });

  test('of long output the last 4 KiB are kept', () => {
    expect(tailOf('x'.repeat(4095), 'yz')).toBe(`${'x'.repeat(4094)}yz`);
    expect(tailOf('a', 'x'.repeat(4096))).toBe('x'.repeat(4096));
    expect(tailOf('x'.repeat(100_000), 'end')).toBe(`${'x'.repeat(4093)}end`);
  });

  test('a character that was cut at the beginning or at the end is left out', () => {
    expect(tailOf('é'.repeat(4000), 'a')).toBe(`${'é'.repeat(2047)}a`);
    expect(tailOf('𝄞'.repeat(2000), 'abc')).toBe(`${'𝄞'.repeat(1023)}abc`);
    expect(tailOf('a', Buffer.from('𝄞').subarray(0, 3))).toBe('a');
    expect(tailOf('a', Buffer.from('é').subarray(0, 1))).toBe('a');
  });

  test('bytes that are not text are shown all the same', () => {
    expect(tailOf(Buffer.alloc(5000, 0x80))).toBe('\uFFFD'.repeat(4096));
  });

  test('is always the end of what was written, cut by less than one character', () => {
    const chunk = fc
      .tuple(fc.string({ unit: fc.constantFrom(...'\0aé\u07ffж€\uffff𝄞\u{10ffff}') }), fc.oneof(fc.constant(1), fc.nat(300)))
      .map(([text, times]) => text.repeat(times));
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 12 }), fc.nat(9), (chunks, cut) => {
        const whole = chunks.join('');
        const bytes = Buffer.from(whole);
        const tail = new StderrTail();
        const size = cut + 1;
        // Cut anywhere, also within characters.
        for (let at = 0; at < bytes.length; at += size * 97) tail.push(bytes.subarray(at, at + size * 97));
        const text = tail.toString();
        expect(whole.endsWith(text)).toBe(true);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
        expect(Buffer.byteLength(text)).toBeGreaterThan(Math.min(bytes.length, 4096) - 4);
      }),
    );
  });

  test('does not hold on to the chunks', () => {
    const tail = new StderrTail();
    const chunk = Buffer.from('hello');
    tail.push(chunk);
    chunk.fill(0);
    expect(tail.toString()).toBe('hello');
  });
});
