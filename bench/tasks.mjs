/** The tasks of the benchmarks. */
export const noop = () => undefined;
export const echo = (value) => value;
export const never = () => new Promise(() => undefined);
export function spin(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
