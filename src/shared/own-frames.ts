/**
 * Removes everpool's own frames from a stack: they do not help the reader, and a stack has only
 * ten.
 */
let place: string | undefined;

/**
 * @param start the beginning of the URLs in everpool's frames. Never set if a bundle holds the
 * program's code too.
 */
export function setOwnPlace(start: string): void {
  place = pathOf(start);
}

/** A frame has a URL or, with some loaders, a path. */
function pathOf(location: string): string {
  return location.startsWith('file://') ? location.slice('file://'.length) : location;
}

/**
 * The stack without the frames of everpool, and without Node's frames between these and the
 * program's.
 */
export function cutOwnFrames(stack: string): string {
  const start = place;
  if (start === undefined || !stack.includes(start)) return stack;
  return foreignFrames(stack.split('\n'))
    .map((line) => withoutOrigin(line, start))
    .join('\n');
}

/** The same for a stack in lines. */
export function foreignFrames(lines: readonly string[]): string[] {
  const start = place;
  if (start === undefined || !lines.some((line) => isOwn(line, start))) return [...lines];
  const kept: string[] = [];
  let isNext = false; // the nearest frame below that is not Node's is the program's
  for (const line of [...lines].reverse()) {
    if (!isOfNode(line)) isNext = !isOwn(line, start);
    if (isNext) kept.push(line);
  }
  // Without a frame of the program, Node's frames at the top show the cause: for example a module
  // that cannot be parsed.
  if (!kept.some(isFrame))
    return lines.slice(
      0,
      lines.findIndex((line) => isOwn(line, start)),
    );
  return kept.reverse();
}

/**
 * The location of everpool's code when it was passed by `node -e` (supervisor/node/worker-code.ts).
 */
const EVALUATED = '[eval]';

/**
 * Frames of a function of `exec` name everpool as the origin of its `eval`: the origin is removed.
 */
function withoutOrigin(line: string, start: string): string {
  return line.replace(/\(eval at \S+ \((\S+):\d+:\d+\), /, (origin, location: string) =>
    location === EVALUATED || pathOf(location).startsWith(start) ? '(' : origin,
  );
}

/** By the location at the end of the line. */
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
