/**
 * Draws the newest full results in bench/results as docs/plots/*.svg: `npm run bench:plot`. Growth
 * (growth.js) as lines, the rows of the suite (main.js) that compare several contenders as bars.
 * Results of `--quick` are left out.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { install } from './environment.js';

install();
const { init } = await import('echarts');

const RESULTS = new URL('./results/', import.meta.url);
const PLOTS = new URL('../docs/plots/', import.meta.url);
const WIDTH = 760;
const LINE_HEIGHT = 420;
const BAR_HEIGHT = 30;
/** The rows that the docs show. */
const SHOWN = ['P1'];
const INK = '#24292f';
const FAINT = '#d8dee4';
const OURS = '#0969da';
const OTHERS = '#8c959f';
const COLOURS = [OURS, '#bc4c00', '#1a7f37'];
const SYMBOLS = ['circle', 'rect', 'triangle'];

const number = (value) => value.toLocaleString('en', value < 1000 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });

/**
 * The names of results are dates, so the last one is the newest. Runs of a few rows do not count.
 */
function newest(pattern) {
  const names = readdirSync(RESULTS).filter((name) => pattern.test(name));
  const reports = names.sort().map((name) => JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')));
  return reports.findLast(({ options }) => options.quick !== true && options.only === undefined);
}

/**
 * The common part of all plots. The background is set, because a page may be dark and the ink is
 * dark too.
 */
function frame(title, { date, environment }) {
  return {
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: 'sans-serif', color: INK },
    title: {
      text: title,
      subtext: `Node ${environment.node.slice(1)}, ${environment.cores} cores, ${date.slice(0, 10)}`,
      left: 16,
      top: 12,
      textStyle: { fontSize: 15, color: INK, width: WIDTH - 32, overflow: 'break' },
      subtextStyle: { fontSize: 12, color: '#57606a' },
    },
  };
}

function axis(name, gap) {
  return {
    name,
    nameLocation: 'middle',
    nameGap: gap,
    nameTextStyle: { color: INK, fontSize: 13 },
    axisLabel: { color: INK, fontSize: 12, formatter: number },
    axisLine: { show: true, lineStyle: { color: INK } },
    splitLine: { lineStyle: { color: FAINT } },
  };
}

function lines({ title, at, unit, series }, report) {
  const names = Object.keys(series);
  return {
    ...frame(title, report),
    grid: { left: 76, right: 44, top: names.length > 1 ? 108 : 76, bottom: 64 },
    legend: { show: names.length > 1, left: 12, top: 64, itemGap: 24, textStyle: { color: INK, fontSize: 13 } },
    xAxis: { ...axis(`${at} (log scale)`, 36), type: 'log' },
    yAxis: { ...axis(unit, 52), type: 'value', min: 0 },
    series: Object.entries(series).map(([name, points], index) => ({
      name,
      type: 'line',
      symbol: SYMBOLS[index],
      symbolSize: 9,
      lineStyle: { width: 2.5 },
      data: points.map((point) => [point.at, point.median]),
    })),
  };
}

function bars({ title, unit, summaries }, report) {
  const entries = Object.entries(summaries).filter(([, { value }]) => value !== undefined);
  return {
    ...frame(title, report),
    grid: { left: 190, right: 90, top: 72, bottom: 60 },
    xAxis: { ...axis(unit, 32), type: 'value', min: 0 },
    yAxis: {
      type: 'category',
      inverse: true,
      data: entries.map(([entry]) => entry),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: INK } },
      axisLabel: { color: INK, fontSize: 13 },
    },
    series: {
      type: 'bar',
      barWidth: '62%',
      label: { show: true, position: 'right', color: INK, fontSize: 12, formatter: ({ value }) => number(value) },
      data: entries.map(([entry, { value }]) => ({ value, itemStyle: { color: entry.startsWith('everpool') ? OURS : OTHERS } })),
    },
  };
}

function draw(name, height, option) {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption(option);
  writeFileSync(new URL(`${name}.svg`, PLOTS), `${chart.renderToSVGString()}\n`);
  chart.dispose();
  console.log(`docs/plots/${name}.svg`);
}

mkdirSync(PLOTS, { recursive: true });
const growth = newest(/^growth-.*\.json$/);
for (const [id, group] of Object.entries(growth?.groups ?? {})) draw(`growth-${id}`, LINE_HEIGHT, lines(group, growth));
const suite = newest(/^\d.*\.json$/);
for (const id of SHOWN) {
  const row = suite?.rows[id];
  if (row === undefined) continue;
  const { length } = Object.values(row.summaries).filter(({ value }) => value !== undefined);
  draw(id.toLowerCase(), 132 + length * BAR_HEIGHT, bars(row, suite));
}
