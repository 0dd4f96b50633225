/**
 * A first-in, first-out queue of the Run messages that were sent ahead. It forgets each one that it
 * returns.
 */
import type { RunMessage } from '../ipc/messages.js';

/** The number of used places after which they are freed together. */
const SPENT = 1024;

export class Queue {
  #items: (RunMessage | undefined)[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  push(message: RunMessage): void {
    this.#items.push(message);
  }

  shift(): RunMessage | undefined {
    const message = this.#items[this.#head];
    this.#items[this.#head] = undefined; // its body may be large (G12)
    this.#head += 1;
    if (this.isEmpty) this.clear();
    else if (this.#head === SPENT) {
      this.#items = this.#items.slice(SPENT); // a queue that is never empty would grow for ever
      this.#head = 0;
    }
    return message;
  }

  /** The number of the first message; NaN: there is none. */
  get first(): number {
    return this.#items[this.#head]?.seq ?? Number.NaN;
  }

  /** Forgets the messages with these numbers. */
  forget(above: number, upTo: number): void {
    this.#items = this.#items.slice(this.#head).filter((message) => message !== undefined && (message.seq <= above || message.seq > upTo));
    this.#head = 0;
  }

  has(seq: number): boolean {
    return this.#items.some((message) => message?.seq === seq);
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
