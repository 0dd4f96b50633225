/** No bundler: the others are to do the same. */
import { test } from 'node:test';
import { expectWorks, src } from './expected.js';

test('a program beside its task module', () => expectWorks(src('.'), 'main.js', { isMoved: false }));
test('a program that is its own task module', () => expectWorks(src('.'), 'one-file.js', { isMoved: false }));
