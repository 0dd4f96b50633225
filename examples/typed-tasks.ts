/** Tasks in TypeScript; only types that can be stripped, so that Node may run it as it is. */
interface Point {
  readonly x: number;
  readonly y: number;
}

export function length({ x, y }: Point): number {
  return Math.hypot(x, y);
}
