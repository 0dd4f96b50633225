/** Binary data as large as it may be, and larger. */
import { describe, expect, it } from 'vitest';
import { decode, encode, UnserialisableError } from '../../../../src/ipc/codec/codec.js';

describe('large data travels beside the body', () => {
  it('may be several hundred MiB', () => {
    const { codec, body, attachments } = encode([Buffer.alloc(300 * 1024 * 1024, 7)]);
    const [value] = decode(
      codec,
      Buffer.from(body as Buffer),
      attachments.map((each) => Buffer.from(each)),
    ) as [Buffer];
    expect([value.length, value.at(-1)]).toEqual([300 * 1024 * 1024, 7]);
  });

  it('but not 2 GiB', ({ skip }) => {
    let memory = new ArrayBuffer(0);
    try {
      memory = new ArrayBuffer(2 ** 31); // zeroed on demand: no memory is used
    } catch {
      skip('this machine does not promise 2 GiB');
    }
    const encoding = (): unknown => encode([{ data: new Uint8Array(memory) }], 'args');
    expect(encoding).toThrow(UnserialisableError);
    expect(encoding).toThrow('args[0].data: 2147483648 bytes, over the limit of 2147483647');
    expect(encode([new Uint8Array(memory, 0, 2 ** 31 - 1)], 'result', true).bytes).toBeGreaterThan(2 ** 31 - 1);
  });
});
