/** The tasks of the benchmarks. */
export const noop = () => {};
export const echo = (value) => value;
export const never = () => new Promise(() => {});
export function spin(ms) {
  for (const end = performance.now() + ms; performance.now() < end; );
}
