/**
 * The events of a run, in order: printed when a seed fails, and compared when it is run again.
 *
 * A hash of everything is always kept, the lines only if they are to be printed.
 */
export class Story {
  readonly #isLogged: boolean;
  readonly #lines: string[] = [];
  #hash = 0x811c9dc5;
  #count = 0;

  constructor(isLogged: boolean) {
    this.#isLogged = isLogged;
  }

  add(now: number, what: string, subject: number | string, detail: number | string = ''): void {
    this.#count += 1;
    for (let i = 0; i < what.length; i++) this.#mix(what.charCodeAt(i));
    this.#mix(Math.round(now * 1000));
    if (typeof subject === 'number') this.#mix(subject);
    if (typeof detail === 'number') this.#mix(Math.round(detail * 1000));
    else for (let i = 0; i < detail.length; i++) this.#mix(detail.charCodeAt(i));
    if (this.#isLogged) this.#lines.push(`${now.toFixed(3).padStart(10)} ms  ${what} ${subject}${detail === '' ? '' : `  ${detail}`}`);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193) >>> 0;
  }

  /** Equal stories have equal digests. */
  get digest(): string {
    return `${this.#count}-${this.#hash.toString(16)}`;
  }

  last(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }
}
