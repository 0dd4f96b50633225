/** Reports on stderr that the store is away or refuses something, once, and that it is back. */
import { say } from './exit.js';

/** Of different messages in one outage. */
const MOST_MESSAGES = 3;
/** The same message again, where the store answers one call and refuses another. */
const AGAIN_MS = 60_000;

interface StoreListener {
  on(event: 'storeError', listener: (payload: { error: Error }) => void): unknown;
  on(event: 'recovered', listener: () => void): unknown;
}

export function reportStore(of: StoreListener, clean: (text: string) => string): void {
  const saidAt = new Map<string, number>();
  let count = 0;
  of.on('storeError', ({ error }) => {
    const text = clean(error.message).replace(/\s*\n\s*/g, ' ');
    const now = performance.now();
    if (count >= MOST_MESSAGES || now - (saidAt.get(text) ?? -AGAIN_MS) < AGAIN_MS) return;
    saidAt.set(text, now);
    count += 1;
    say(`the store: ${text}; trying again`);
  });
  of.on('recovered', () => {
    if (count > 0) say('the store answers again');
    count = 0;
  });
}
