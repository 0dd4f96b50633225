/**
 * Platform objects whose state structured clone cannot see, and which text can restore: one row for
 * each type. A codec for one more type is one more row, and a sample in its test.
 *
 * A row's place in the table is its number in a message, so rows are only ever added at the end. An
 * instance of a user's subclass arrives as the platform's class, as everywhere in the codec.
 */

export interface Extension {
  /** The `Symbol.toStringTag` on the prototype of the class: objects are recognised by it. */
  readonly tag: string;
  /** Returns the whole state of the object; throws for an object that only has the tag. */
  readonly write: (value: object) => string;
  /** Makes the object again. @throws Error for a text that `write` never returns */
  readonly read: (text: string) => object;
}

const { apply, getOwnPropertyDescriptor } = Reflect;

const hrefOf = getOwnPropertyDescriptor(URL.prototype, 'href')?.get as () => string;
const paramsToString = URLSearchParams.prototype.toString;
const [Url, Params] = [URL, URLSearchParams];

/** Neither a name nor a value of a header can contain a line feed. */
const LINE = '\n';

export const EXTENSIONS: readonly Extension[] = [
  {
    tag: 'URL',
    write: (url) => apply(hrefOf, url, []),
    read: (text) => new Url(text),
  },
  {
    tag: 'URLSearchParams',
    write: (params) => apply(paramsToString, params, []),
    read: (text) => new Params(text),
  },
  {
    tag: 'Headers',
    write: (value) => {
      const lines: string[] = [];
      apply(headersMethods().forEach, value, [(held: string, name: string) => lines.push(name, held)]);
      return lines.join(LINE);
    },
    read: (text) => {
      const { Headers, append } = headersMethods();
      const made = new Headers();
      const lines = text === '' ? [] : text.split(LINE);
      for (let i = 0; i < lines.length; i += 2) apply(append, made, [lines[i], lines[i + 1]]);
      return made;
    },
  },
];

/** The number of the row with this tag, or -1. */
export function extensionOf(tag: string): number {
  return EXTENSIONS.findIndex((row) => row.tag === tag);
}

/** @throws whatever the row throws for an object that only has its tag */
export function writeExtension(row: number, value: object): string {
  return (EXTENSIONS[row] as Extension).write(value);
}

/** @throws Error for a number or a text that is never sent */
export function readExtension(row: number, text: string): object {
  const extension = EXTENSIONS[row];
  if (extension === undefined) throw new Error(`an object of unknown type ${row}`);
  return extension.read(text);
}

// ---- Headers

let headers: HeadersMethods | undefined;

interface HeadersMethods {
  readonly Headers: new () => object;
  readonly forEach: (this: object, each: (value: string, name: string) => void) => void;
  readonly append: (this: object, name: string, value: string) => void;
}

/**
 * Taken when first needed: since Node 22, even reading its property descriptor loads 80 to 100 of
 * Node's modules, half of the time that a worker takes to boot.
 */
function headersMethods(): HeadersMethods {
  if (headers !== undefined) return headers;
  const Class = Reflect.get(globalThis, 'Headers') as typeof globalThis.Headers | undefined;
  if (Class === undefined) throw new Error('this process has no Headers');
  const { forEach, append } = Class.prototype;
  headers = { Headers: Class, forEach: forEach as HeadersMethods['forEach'], append: append as HeadersMethods['append'] };
  return headers;
}
