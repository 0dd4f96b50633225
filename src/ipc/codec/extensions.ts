/**
 * Objects of the platform whose state is hidden from structured clone, and which text gives back: one row for each type.
 *
 * A row's place in the table is its number in a message, so rows are only ever added at the end. A class that has a subclass of
 * the user's arrives as itself, as everywhere in the codec.
 */

export interface Extension {
  /** Of the class, as its prototype is tagged. */
  readonly name: string;
  /** All that it holds; throws for anything that is none. */
  readonly textOf: (value: object) => string;
  /** @throws Error for a text that `textOf` never gives */
  readonly from: (text: string) => object;
}

const { apply, getOwnPropertyDescriptor } = Reflect;

const hrefOf = getOwnPropertyDescriptor(URL.prototype, 'href')?.get as () => string;
const paramsToString = URLSearchParams.prototype.toString;
const [Url, Params] = [URL, URLSearchParams];

/** Node 20 loads `Headers` when it is first looked at, in 15 ms. */
const headersProperty = getOwnPropertyDescriptor(globalThis, 'Headers');
let headers: HeadersMethods | undefined;

interface HeadersMethods {
  readonly Headers: new () => object;
  readonly forEach: (this: object, each: (value: string, name: string) => void) => void;
  readonly append: (this: object, name: string, value: string) => void;
}

function headersMethods(): HeadersMethods {
  if (headers !== undefined) return headers;
  const { value, get } = headersProperty ?? {};
  const Class = (get === undefined ? value : untouched(() => apply(get, globalThis, []))) as typeof globalThis.Headers | undefined;
  if (Class === undefined) throw new Error('this process has no Headers');
  const { forEach, append } = Class.prototype;
  headers = { Headers: Class, forEach: forEach as HeadersMethods['forEach'], append: append as HeadersMethods['append'] };
  return headers;
}

/** Node's getter puts the class in its own place: the program may have put something else there meanwhile. */
function untouched<T>(hasStarted: () => T): T {
  const before = getOwnPropertyDescriptor(globalThis, 'Headers');
  const found = hasStarted();
  if (before !== undefined && before.get !== headersProperty?.get) Reflect.defineProperty(globalThis, 'Headers', before);
  return found;
}

/** Neither a name nor a value can have a line feed in it. */
const LINE = '\n';

export const EXTENSIONS: readonly Extension[] = [
  {
    name: 'URL',
    textOf: (url) => apply(hrefOf, url, []),
    from: (text) => new Url(text),
  },
  {
    name: 'URLSearchParams',
    textOf: (params) => apply(paramsToString, params, []),
    from: (text) => new Params(text),
  },
  {
    name: 'Headers',
    textOf: (value) => {
      const lines: string[] = [];
      apply(headersMethods().forEach, value, [(held: string, name: string) => lines.push(name, held)]);
      return lines.join(LINE);
    },
    from: (text) => {
      const { Headers, append } = headersMethods();
      const made = new Headers();
      const lines = text === '' ? [] : text.split(LINE);
      for (let i = 0; i < lines.length; i += 2) apply(append, made, [lines[i], lines[i + 1]]);
      return made;
    },
  },
];

/** The row of a tag, or -1. */
export function extensionOf(tag: string): number {
  return EXTENSIONS.findIndex(({ name }) => name === tag);
}
