import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LEASE_TRANSITIONS, TASK_TRANSITIONS } from '../../../src/pool/task/task-record.js';
import { STORY_MASK, Story, stepsOf, type Transitions } from '../../../src/shared/transitions.js';
import { WORKER_TRANSITIONS } from '../../../src/supervisor/lifecycle/worker-state.js';
import { POOL_TRANSITIONS } from '../../../src/supervisor/pool-state.js';
import { SLOT_TRANSITIONS } from '../../../src/supervisor/slot.js';

const GATE: Transitions<'open' | 'shut' | 'locked'> = { open: ['shut'], shut: ['open', 'locked'], locked: ['shut'] };
const STEPS = stepsOf('gate', GATE);

describe('a story', () => {
  test('remembers the last steps of all objects, the latest last', () => {
    const story = new Story('pool');
    story.take('gate', STEPS, 7, 'open', 'shut');
    story.take('gate', STEPS, 8, 'shut', 'locked');
    expect(String(story)).toBe('\nThe last steps of the pool:\n  gate 7: open → shut\n  gate 8: shut → locked');
  });

  test('remembers a bounded number of them', () => {
    const story = new Story('pool');
    for (let id = 0; id < 1000; id += 1) story.take('gate', STEPS, id, 'open', 'shut');
    const lines = String(story).split('\n').slice(2);
    expect(lines).toHaveLength(STORY_MASK + 1);
    expect(lines[0]).toBe(`  gate ${1000 - STORY_MASK - 1}: open → shut`);
    expect(lines.at(-1)).toBe('  gate 999: open → shut');
  });

  test('refuses a step that the table does not have, and says what came before', () => {
    const story = new Story('pool');
    story.take('gate', STEPS, 7, 'open', 'shut');
    const step = (): void => story.take('gate', STEPS, 7, 'open', 'locked');
    expect(step).toThrow(expect.objectContaining({ code: 'ERR_EVERPOOL_INTERNAL' }));
    expect(step).toThrow(/^gate 7 is open: it cannot become locked\. .*\nThe last steps of the pool:\n {2}gate 7: open → shut$/s);
    expect(story.count).toBe(1);
  });

  test('holds the id of any task', () => {
    const story = new Story('pool');
    story.take('gate', STEPS, 2 ** 44, 'open', 'shut');
    expect(String(story)).toContain(`gate ${2 ** 44}: open → shut`);
  });

  test('of an empty pool is empty', () => {
    expect(String(new Story('pool'))).toBe('');
  });
});

/** The edges of the state diagram under a heading of docs/lifecycle.md. */
function edgesOf(heading: string): string[] {
  const text = readFileSync(new URL('../../../docs/lifecycle.md', import.meta.url), 'utf8');
  const [, section = ''] = text.split(`\n## ${heading}\n`);
  const [, diagram = ''] = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(section) ?? [];
  const edges = diagram.split('\n').flatMap((line) => {
    const [, from, to] = /^\s*([\w[\]*]+) --> ([\w[\]*]+)/.exec(line) ?? [];
    return from === undefined || to === undefined || from === '[*]' || to === '[*]' ? [] : [`${from} → ${to}`.replaceAll('_', '-')];
  });
  return edges.sort();
}

describe('the diagrams of docs/lifecycle.md are the tables of the source', () => {
  test.each([
    ['Task', TASK_TRANSITIONS],
    ['Attempt', LEASE_TRANSITIONS],
    ['Worker', WORKER_TRANSITIONS],
    ['Slot', SLOT_TRANSITIONS],
    ['Pool', POOL_TRANSITIONS],
  ] as [string, Transitions<string>][])('%s', (heading, table) => {
    const steps = Object.entries(table).flatMap(([from, tos]) => tos.map((to) => `${from} → ${to}`));
    expect(edgesOf(heading)).toEqual(steps.sort());
  });
});
