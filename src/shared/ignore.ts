/** For a rejection that someone else hears of, or that is no news: say at the call why. */
export function ignore(): void {
  // nothing to do
}
