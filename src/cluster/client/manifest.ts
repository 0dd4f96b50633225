/** What the store has of a named batch, beside its items: one text. Anybody may have written it. */
import type { Seals } from '../wire/seal.js';

const VERSION = 1;

export interface Manifest {
  /** Of the task. */
  readonly name: string;
  /** Items from this one on were never added. It is written before the items below it are. */
  readonly mark: number;
  /** The number of items, once all have settled: the most of any call. */
  readonly total: number | undefined;
}

export function writeManifest(id: string, { name, mark, total }: Manifest, seals: Seals): string {
  const parts = [name, mark, total ?? null] as const;
  return JSON.stringify([VERSION, ...parts, seals.sign('batch', [id, String(VERSION), ...parts.map(String)])]);
}

/** @returns undefined if it is none, or not sealed with a valid secret */
export function readManifest(id: string, text: unknown, seals: Seals): Manifest | undefined {
  if (typeof text !== 'string') return undefined;
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  const [version, name, mark, total, seal] = list as unknown[];
  if (version !== VERSION || typeof name !== 'string' || !isCount(mark) || !(total === null || isCount(total))) return undefined;
  if (!seals.holds(seal, 'batch', [id, String(version), name, String(mark), String(total)])) return undefined;
  return { name, mark, total: total ?? undefined };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function itemId(batchId: string, index: number): string {
  return `b-${batchId}-${index}`;
}

/** @param taskId of an item */
export function partsOf(taskId: string): { readonly batch: string; readonly index: number } {
  const at = taskId.lastIndexOf('-');
  return { batch: taskId.slice('b-'.length, at), index: Number(taskId.slice(at + 1)) };
}

/** @param taskId any */
export function isItemOf(batchId: string, taskId: string): boolean {
  const prefix = itemId(batchId, 0).slice(0, -1);
  return taskId.startsWith(prefix) && /^\d+$/.test(taskId.slice(prefix.length));
}
