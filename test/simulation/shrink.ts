/**
 * Makes a failing plan shorter while it still breaks the same guarantee: what remains is what the
 * fault needs.
 */
import type { Action } from './action.js';
import type { Plan } from './plan.js';
import { runSeed } from './run-seed.js';

/** The most runs that are tried. */
const MAX_TRIES = 600;

export interface Shrunk {
  readonly plan: Plan;
  readonly tries: number;
}

type Run = (seed: number, isLogged: boolean, plan: Plan) => Promise<{ readonly faults: readonly string[] }>;

/** @param run runs a plan */
export async function shrink(seed: number, plan: Plan, fault: string, run: Run = runSeed): Promise<Shrunk> {
  const guarantee = fault.slice(0, fault.indexOf(':'));
  let best = plan;
  let tries = 0;
  const attempt = async (candidate: Plan): Promise<boolean> => {
    if (tries >= MAX_TRIES) return false;
    tries += 1;
    const { faults } = await run(seed, false, candidate);
    if (faults[0]?.startsWith(`${guarantee}:`) !== true) return false;
    best = candidate;
    return true;
  };

  for (let before = -1; before !== tries && tries < MAX_TRIES; ) {
    const size = sizeOf(best);
    for (const simpler of simplerThan(best)) await attempt(simpler);
    // Half of the actions, a quarter, … one by one.
    for (let length = Math.ceil(best.actions.length / 2); length >= 1; length = Math.floor(length / 2)) {
      for (let from = 0; from < best.actions.length; ) {
        const isRemoved = await attempt(without(best, from, length));
        if (!isRemoved) from += length;
      }
    }
    for (let index = 0; index < best.actions.length; index++) {
      for (const simpler of simplerActions(best.actions[index] as Action)) await attempt(replaced(best, index, simpler));
    }
    before = sizeOf(best) < size ? -1 : tries;
  }
  return { plan: best, tries };
}

function sizeOf(plan: Plan): number {
  return JSON.stringify(plan).length;
}

function without(plan: Plan, from: number, length: number): Plan {
  const actions = plan.actions.filter((_, index) => index < from || index >= from + length);
  // The end stays behind the same action.
  const endsAfter = plan.endsAfter - Math.max(0, Math.min(plan.endsAfter, from + length) - from);
  return { ...plan, actions, endsAfter };
}

function replaced(plan: Plan, index: number, action: Action): Plan {
  return { ...plan, actions: plan.actions.map((each, at) => (at === index ? action : each)) };
}

function* simplerThan(plan: Plan): Iterable<Plan> {
  for (const [rate, value] of Object.entries(plan.rates)) if (value > 0) yield { ...plan, rates: { ...plan.rates, [rate]: 0 } };
  yield { ...plan, habits: { callbackMs: 0, stallChance: 0, stallMs: 0, bootStallChance: 0 } };
  const { hostility } = plan;
  for (const place of hostility.places)
    yield { ...plan, hostility: { ...hostility, places: hostility.places.filter((other) => other !== place) } };
  if (hostility.mayEnd) yield { ...plan, hostility: { ...hostility, mayEnd: false } };
  yield { ...plan, poisonedAt: Number.POSITIVE_INFINITY };
  yield { ...plan, rests: false };
  yield { ...plan, diskFails: 0 };
  yield { ...plan, ending: 'kill' };
  for (const simple of [
    { spares: 0 },
    { recycle: {} },
    { concurrency: 1 },
    { pipelining: false },
    { queueLimit: Number.POSITIVE_INFINITY },
    { size: 1 },
  ])
    yield { ...plan, options: { ...plan.options, ...simple } };
}

function* simplerActions(action: Action): Iterable<Action> {
  if (action.do !== 'run') return;
  if (action.count > 1) yield { ...action, count: 1 };
  if (action.withSignal) yield { ...action, withSignal: false };
  for (const name of Object.keys(action.options)) {
    const { [name as keyof typeof action.options]: _, ...options } = action.options;
    yield { ...action, options };
  }
}

/** Describes the plan in a few lines. */
export function describePlan(plan: Plan): string {
  const rates = Object.entries(plan.rates).filter(([, value]) => value > 0);
  return [
    `options   ${JSON.stringify(plan.options)}`,
    `machine   ${JSON.stringify(Object.fromEntries(rates))}, the module breaks at ${plan.poisonedAt} ms, the parent: ${JSON.stringify(plan.habits)}`,
    `hostile   ${JSON.stringify(plan.hostility)}`,
    ...plan.actions.map(({ at, do: what, ...rest }) => `${at.toFixed(3).padStart(9)} ${what} ${JSON.stringify(rest)}`),
    `ends by   ${plan.ending} after ${plan.endsAfter} actions${plan.rests ? ', when everything has come to rest' : ''}`,
  ].join('\n');
}
