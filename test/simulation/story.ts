/**
 * What happened, in order: to be told when a seed fails, and to be compared when it is run again.
 *
 * A hash of everything is always kept; the lines only when somebody will read them.
 */
export class Story {
  readonly #isTold: boolean;
  readonly #lines: string[] = [];
  #hash = 0x811c9dc5;
  #count = 0;

  constructor(isTold: boolean) {
    this.#isTold = isTold;
  }

  add(now: number, what: string, subject: number | string, detail: number | string = ''): void {
    this.#count += 1;
    for (let i = 0; i < what.length; i++) this.#mix(what.charCodeAt(i));
    this.#mix(Math.round(now * 1000));
    if (typeof subject === 'number') this.#mix(subject);
    if (typeof detail === 'number') this.#mix(Math.round(detail * 1000));
    else for (let i = 0; i < detail.length; i++) this.#mix(detail.charCodeAt(i));
    if (this.#isTold) this.#lines.push(`${now.toFixed(3).padStart(10)} ms  ${what} ${subject}${detail === '' ? '' : `  ${detail}`}`);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193) >>> 0;
  }

  /** The same for the same story. */
  get digest(): string {
    return `${this.#count}-${this.#hash.toString(16)}`;
  }

  last(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }
}
