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

  has(seq: number): boolean {
    return this.#items.some((message) => message?.seq === seq);
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
