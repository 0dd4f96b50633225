import { describe, expect, it } from 'vitest';
import { copyOf, release } from '../../../src/ipc/spare-memory.js';

const MIB = 1024 * 1024;

describe('copies of large binary data', () => {
  it('take the memory of a copy that was released, and of no other', () => {
    const [one, other] = [Buffer.alloc(MIB, 1), Buffer.alloc(MIB, 2)];
    const first = copyOf(one);
    const second = copyOf(other);
    expect(second.buffer).not.toBe(first.buffer);
    release([first]);
    const third = copyOf(Buffer.alloc(MIB - 1000, 3));
    expect(third.buffer).toBe(first.buffer);
    expect([third.length, third[0], third.at(-1), second[0]]).toEqual([MIB - 1000, 3, 3, 2]);
    const fourth = copyOf(one);
    expect(fourth.buffer).not.toBe(first.buffer);
    release([second, third, fourth]);
  });

  it('never take memory that is much larger, and little is kept', () => {
    const large = Buffer.alloc(4 * MIB);
    const copies = Array.from({ length: 9 }, () => copyOf(large));
    release(copies);
    expect(copies.map(({ buffer }) => buffer)).not.toContain(copyOf(Buffer.alloc(MIB)).buffer);
    const again = copies.map((copy) => copyOf(copy).buffer);
    expect(again.filter((memory) => copies.some(({ buffer }) => buffer === memory)).length).toBeLessThanOrEqual(8);
  });
});
