/** Shows progress on stderr: a bar on a terminal, otherwise a line every ten seconds. */
import { SingleBar } from 'cli-progress';
import type { BatchProgress } from '../pool/types.js';

const LINE_EVERY_MS = 10_000;

export interface ProgressView {
  show(progress: BatchProgress): void;
  end(progress: BatchProgress | undefined): void;
}

export function progressView(isQuiet: boolean): ProgressView {
  if (isQuiet) return { show: () => undefined, end: () => undefined };
  return process.stderr.isTTY ? bar() : lines();
}

function bar(): ProgressView {
  const single = new SingleBar({
    stream: process.stderr,
    format: '{bar} {value}/{whole}  {failed} failed  {rate}/s  ETA {left}',
    hideCursor: true,
    clearOnComplete: false,
  });
  single.start(0, 0, { whole: '?', failed: 0, rate: 0, left: '?' });
  const show = ({ total, done, failed, perSecond, etaMs }: BatchProgress): void => {
    single.setTotal(total ?? Math.max(done * 2, 1));
    single.update(done, { whole: total ?? '?', failed, rate: rateOf(perSecond), left: leftOf(etaMs) });
  };
  return {
    show,
    end: (progress) => {
      if (progress !== undefined) show(progress);
      single.stop();
    },
  };
}

function lines(): ProgressView {
  let shownAt = performance.now();
  const print = ({ total, done, failed, perSecond, etaMs }: BatchProgress): void => {
    const of = total === undefined ? '' : ` of ${total}`;
    process.stderr.write(`everpool: ${done}${of} done, ${failed} failed, ${rateOf(perSecond)}/s, ETA ${leftOf(etaMs)}\n`);
  };
  return {
    show: (progress) => {
      if (performance.now() - shownAt < LINE_EVERY_MS) return;
      shownAt = performance.now();
      print(progress);
    },
    end: (progress) => {
      if (progress !== undefined) print(progress);
    },
  };
}

function rateOf(perSecond: number): string {
  return perSecond >= 100 ? String(Math.round(perSecond)) : perSecond.toFixed(1);
}

function leftOf(etaMs: number | undefined): string {
  if (etaMs === undefined) return '?';
  const seconds = Math.round(etaMs / 1000);
  return seconds < 100 ? `${seconds} s` : seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
