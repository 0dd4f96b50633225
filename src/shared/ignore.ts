/** Swallows a rejection that is handled elsewhere, or that is expected: the call says why. */
export function ignore(): void {
  // nothing to do
}
