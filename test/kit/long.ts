/**
 * Whether this is `npm run test:long`.
 *
 * A unit test tries few cases of a property. Its sibling `*.long.test.ts` imports the same file,
 * and there it tries all of them.
 */
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    isLong: boolean;
  }
}

export const isLong: boolean = inject('isLong') === true;
