import { expect, test } from 'vitest';
import { decode, encode } from '../../../../src/ipc/codec/codec.js';
import { EXTENSIONS, extensionOf, readExtension } from '../../../../src/ipc/codec/extensions.js';

/** Objects of each type, by tag: a new row needs samples here. */
const SAMPLES: Record<string, readonly object[]> = {
  URL: [new URL('https://user:pass@example.com:8080/a%20b?c=d&c=é#f'), new URL('data:text/plain,x')],
  URLSearchParams: [new URLSearchParams(), new URLSearchParams('a=1&a=2&b=%26%3D&c=')],
  Headers: [
    new Headers(),
    new Headers([
      ['A', 'b'],
      ['set-cookie', 'x=1'],
      ['set-cookie', 'y=2'],
      ['empty', ''],
    ]),
  ],
};

test('each row of the table has samples', () => {
  expect(Object.keys(SAMPLES)).toEqual(EXTENSIONS.map(({ tag }) => tag));
});

for (const [tag, samples] of Object.entries(SAMPLES)) {
  const row = EXTENSIONS[extensionOf(tag)];

  test(`${tag} arrives with the same class and state, once for each object`, () => {
    const { codec, body, attachments } = encode([samples, samples]);
    const [first, second] = decode(codec, body ?? '', attachments) as [object[], object[]];
    expect(second).toBe(first);
    expect(first).toHaveLength(samples.length);
    for (const [index, arrived] of first.entries()) {
      const sent = samples[index] as object;
      expect(Object.getPrototypeOf(arrived)).toBe(Object.getPrototypeOf(sent));
      expect(row?.write(arrived)).toBe(row?.write(sent));
    }
  });

  test(`an object with the tag of ${tag} alone is refused by name`, () => {
    const polyfill = Object.create({ [Symbol.toStringTag]: tag, constructor: undefined }) as object;
    expect(() => row?.write(polyfill)).toThrow();
    expect(() => encode({ held: polyfill })).toThrow(/^value\.held: /);
  });
}

test('a row that there is not is refused', () => {
  expect(extensionOf('Map')).toBe(-1);
  expect(() => readExtension(EXTENSIONS.length, '')).toThrow('unknown type');
});
