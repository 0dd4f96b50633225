/**
 * The frames of a stack that are everpool's own. They say nothing to whoever reads the error, and there is room for ten: they are cut.
 */
let place: string | undefined;

/** Where everpool's code lies: the beginning of the URLs in its frames. Never set where it is in one file with the program's. */
export function setOwnPlace(start: string): void {
  place = pathOf(start);
}

/** A frame has a URL or, as some loaders run modules, a path. */
function pathOf(location: string): string {
  return location.startsWith('file://') ? location.slice('file://'.length) : location;
}

/** The stack without the frames of everpool, and without those of Node between these and the program's. */
export function cutOwnFrames(stack: string): string {
  const start = place;
  if (start === undefined || !stack.includes(start)) return stack;
  return foreignFrames(stack.split('\n'))
    .map((line) => withoutOrigin(line, start))
    .join('\n');
}

/** The same of lines. */
export function foreignFrames(lines: readonly string[]): string[] {
  const start = place;
  if (start === undefined || !lines.some((line) => isOwn(line, start))) return [...lines];
  const kept: string[] = [];
  let isNext = false; // the line below belongs to the program
  for (const line of [...lines].reverse()) {
    if (!isOfNode(line)) isNext = !isOwn(line, start);
    if (isNext) kept.push(line);
  }
  // None of the program's: those of Node above then tell what it was, as of a module that cannot be parsed.
  if (!kept.some(isFrame))
    return lines.slice(
      0,
      lines.findIndex((line) => isOwn(line, start)),
    );
  return kept.reverse();
}

/** What stands for everpool there when it was itself an argument (`node -e`, supervisor/node/worker-code.ts). */
const EVALUATED = '[eval]';

/** A frame of what `exec` has compiled names everpool as the place of its `eval`. */
function withoutOrigin(line: string, start: string): string {
  return line.replace(/\(eval at \S+ \((\S+):\d+:\d+\), /, (origin, location: string) =>
    location === EVALUATED || pathOf(location).startsWith(start) ? '(' : origin,
  );
}

/** By the place at its end. */
function isOwn(line: string, start: string): boolean {
  const location = /^ +at (?:.*[ (])?(\S+):\d+:\d+\)?$/.exec(line)?.[1];
  return location !== undefined && pathOf(location).startsWith(start);
}

function isFrame(line: string): boolean {
  return /^ +at /.test(line);
}

export function isOfNode(line: string): boolean {
  return /^ +at (?:.* )?\(?node:/.test(line);
}
