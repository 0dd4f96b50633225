/**
 * Tasks in TypeScript, with types that can be stripped, so that Node can run this file directly.
 */
interface Point {
  readonly x: number;
  readonly y: number;
}

export function length({ x, y }: Point): number {
  return Math.hypot(x, y);
}
