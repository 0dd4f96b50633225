/**
 * How far a stream's values may be ahead of their reader: a slow reader stops the worker, not the memory.
 *
 * The worker counts what it has sent and the parent has not said to be taken.
 */
export const WINDOW_VALUES = 16;
/** With so many bytes under way no further value is sent; one alone may be larger. */
export const WINDOW_BYTES: number = 1024 * 1024;
/** The parent tells what was taken in portions. */
export const PORTION_VALUES: number = WINDOW_VALUES / 2;
