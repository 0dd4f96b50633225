/** Turns the figures of all rounds into the printed tables. */
import { median } from './statistics.js';

/** Median, least and most of every figure of an entry; `error` where a round failed. */
export function summarise(rounds) {
  const good = rounds.filter((round) => round.error === undefined);
  const { error } = rounds.find((round) => round.error !== undefined) ?? {};
  if (good.length === 0) return { error };
  const of = (key) => good.map((round) => round[key]);
  const medians = Object.fromEntries(Object.keys(good[0]).map((key) => [key, median(of(key))]));
  return { ...medians, min: Math.min(...of('value')), max: Math.max(...of('value')), ...(error !== undefined && { error }) };
}

export function judge(goals, summaries) {
  const medians = Object.fromEntries(Object.entries(summaries).map(([entry, { value }]) => [entry, value]));
  return goals.map(({ text, ratio, atLeast, atMost }) => {
    const figure = ratio(medians);
    const isMet = Number.isFinite(figure) ? figure >= (atLeast ?? -Infinity) && figure <= (atMost ?? Infinity) : undefined;
    return { text, figure, isMet };
  });
}

const digitsShown = (value, places) => value.toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places });

/** The first entry is compared with every other. */
export function print({ id, title, unit, digits = 0, extra = {}, extraDigits = {} }, summaries, goals) {
  const [[firstName, first]] = Object.entries(summaries);
  const columns = Object.entries(extra).map(([key, of]) => (of === '' ? key : `${key}, ${of}`));
  const lines = Object.entries(summaries).map(([entry, summary]) => {
    const { value, min, max, error } = summary;
    if (value === undefined) return [entry, error];
    return [
      entry,
      digitsShown(value, digits),
      `${digitsShown(min, digits)} – ${digitsShown(max, digits)}`,
      summary === first || !(first.value / value > 0) ? '' : `${digitsShown(first.value / value, 2)} ×`,
      ...Object.keys(extra).map((key) => digitsShown(summary[key], extraDigits[key] ?? 0)),
      ...(error === undefined ? [] : [`once: ${error}`]),
    ];
  });
  console.log(`\n${id}: ${title}`);
  for (const line of aligned([['', unit, 'min – max', lines.length === 1 ? '' : `${firstName} is`, ...columns], ...lines]))
    console.log(`  ${line}`);
  for (const { text, figure, isMet } of goals) {
    console.log(`  goal ${text}: ${isMet === undefined ? 'not measured' : `${digitsShown(figure, 2)}, ${isMet ? 'met' : 'MISSED'}`}`);
  }
}

/**
 * Names to the left, figures to the right. A line of two cells is a name with a message, which
 * needs no width.
 */
function aligned(lines) {
  const widths = lines[0].map((_, column) =>
    Math.max(...lines.map((line) => (line.length === 2 && column > 0 ? 0 : (line[column] ?? '').length))),
  );
  return lines.map(([entry, ...cells]) => {
    const padded = cells.map((cell, index) => (cells.length === 1 ? cell : cell.padStart(widths[index + 1] ?? 0)));
    return [entry.padEnd(widths[0]), ...padded].join('  ').trimEnd();
  });
}
