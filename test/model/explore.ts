/**
 * Walks every state that a model can reach. Breadth first, the path to a fault is a shortest one;
 * depth first takes less memory.
 *
 * A step that is due happens sooner or later. The others are what the world may do, or may leave:
 * a state that only they can leave is an end, too. So a model is right if each end is a good one,
 * and if no run goes on for ever.
 */

export interface Step<S> {
  readonly name: string;
  readonly isDue: boolean;
  readonly next: S;
}

export interface Model<S> {
  readonly start: S;
  steps(state: S): readonly Step<S>[];
  /** Two states are one if their texts are equal. */
  encode(state: S): string;
  /** What is wrong with the state; undefined: nothing. */
  faultOf(state: S): string | undefined;
  /** What is wrong with a state in which nothing is due; undefined: nothing. */
  faultOfEnd(state: S): string | undefined;
}

export interface Exploration {
  readonly states: number;
  readonly ends: number;
  readonly fault: string | undefined;
  /** The steps that lead to the fault. */
  readonly path: readonly string[];
}

export function explore<S>(model: Model<S>, order: 'breadth' | 'depth' = 'breadth'): Exploration {
  const known = new Map<string, number>([[model.encode(model.start), 0]]);
  let waiting: [number, S][] = [[0, model.start]];
  let level: [number, S][] = [];
  const cameFrom: number[] = [-1];
  const cameBy: string[] = ['start'];
  const edges: number[] = []; // from, to, from, to
  let ends = 0;

  const found = (fault: string, at: number): Exploration => {
    const path: string[] = [];
    for (let index = at; index > 0; index = cameFrom[index] as number) path.unshift(cameBy[index] as string);
    return { states: known.size, ends, fault, path };
  };

  for (;;) {
    if (level.length === 0) {
      if (waiting.length === 0) break;
      level = waiting.reverse();
      waiting = [];
    }
    const [index, state] = level.pop() as [number, S];
    const fault = model.faultOf(state);
    if (fault !== undefined) return found(fault, index);
    let isEnd = true;
    for (const { name, isDue, next } of model.steps(state)) {
      const text = model.encode(next);
      let to = known.get(text);
      if (to === undefined) {
        to = known.size;
        known.set(text, to);
        (order === 'depth' ? level : waiting).push([to, next]);
        cameFrom.push(index);
        cameBy.push(name);
      }
      // A step that changes nothing is no way out.
      if (to === index) continue;
      edges.push(index, to);
      if (isDue) isEnd = false;
    }
    if (!isEnd) continue;
    ends += 1;
    const bad = model.faultOfEnd(state);
    if (bad !== undefined) return found(bad, index);
  }
  const circle = stateInCircle(known.size, edges);
  if (circle !== undefined) return found('G1: a run goes in a circle', circle);
  return { states: known.size, ends, fault: undefined, path: [] };
}

/** Takes away states that no step leads to, again and again. What stays is in a circle, or behind one. */
function stateInCircle(states: number, edges: readonly number[]): number | undefined {
  const incoming = new Int32Array(states);
  const lastEdge = new Int32Array(states).fill(-1);
  const edgeBefore = new Int32Array(edges.length / 2); // from the same state
  for (let edge = 0; edge < edgeBefore.length; edge += 1) {
    const from = edges[edge * 2] as number;
    const to = edges[edge * 2 + 1] as number;
    edgeBefore[edge] = lastEdge[from] as number;
    lastEdge[from] = edge;
    incoming[to] = (incoming[to] as number) + 1;
  }
  const free = [...incoming.keys()].filter((state) => incoming[state] === 0);
  let left = states;
  for (let state = free.pop(); state !== undefined; state = free.pop()) {
    left -= 1;
    for (let edge = lastEdge[state] as number; edge >= 0; edge = edgeBefore[edge] as number) {
      const to = edges[edge * 2 + 1] as number;
      incoming[to] = (incoming[to] as number) - 1;
      if (incoming[to] === 0) free.push(to);
    }
  }
  return left === 0 ? undefined : incoming.findIndex((count) => count > 0);
}
