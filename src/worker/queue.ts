/** First in, first out: the Run messages that were sent ahead. It forgets what it gives. */
import type { Message } from '../ipc/frame.js';

/** So many places of what was given are let go together. */
const SPENT = 1024;

export class Queue {
  #items: (Message | undefined)[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  push(message: Message): void {
    this.#items.push(message);
  }

  shift(): Message | undefined {
    const message = this.#items[this.#head];
    this.#items[this.#head] = undefined; // its body may be large (G12)
    this.#head += 1;
    if (this.isEmpty) this.clear();
    else if (this.#head === SPENT) {
      this.#items = this.#items.slice(SPENT); // one that is never empty would grow for ever
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
