/** Each planted bug quotes the source: a line that changes takes its quote along. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { editsOf } from './mutation.js';
import { MUTATIONS } from './mutations.js';

const root = new URL('../../', import.meta.url);

test.each(MUTATIONS.map((mutation) => [mutation.bug, mutation] as const))('%s: its source is there, once', (_bug, mutation) => {
  for (const { file, find, replace } of editsOf(mutation)) {
    const parts = readFileSync(new URL(file, root), 'utf8').split(find);
    expect(parts, file).toHaveLength(2);
    expect(replace).not.toBe(find);
  }
});
