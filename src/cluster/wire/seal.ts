/**
 * Seals what travels through the store: an HMAC-SHA256 over its parts. Who can write to the store,
 * but does not know the secret, can then forge no task, result, progress or cancel.
 *
 * Without a secret, a seal is the empty string, and everything passes.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** What is sealed; a seal of one kind is not valid for another. */
export type SealKind = 'task' | 'past' | 'outcome' | 'progress' | 'end' | 'ended' | 'batch';

export class Seals {
  readonly #secrets: readonly string[];

  /** @param secrets the first one seals; all of them are valid, so that a secret can be replaced */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  get isOn(): boolean {
    return this.#secrets.length > 0;
  }

  sign(kind: SealKind, parts: readonly string[]): string {
    const [secret] = this.#secrets;
    return secret === undefined ? '' : mac(secret, kind, parts).toString('base64url');
  }

  /** @param seal anything: it comes from the store */
  holds(seal: unknown, kind: SealKind, parts: readonly string[]): boolean {
    if (this.#secrets.length === 0) return true;
    if (typeof seal !== 'string') return false;
    const given = Buffer.from(seal, 'base64url');
    return this.#secrets.some((secret) => {
      const own = mac(secret, kind, parts);
      return own.length === given.length && timingSafeEqual(own, given);
    });
  }
}

/** Each part is preceded by its length, so that no two lists of parts are the same bytes. */
function mac(secret: string, kind: SealKind, parts: readonly string[]): Buffer {
  const hmac = createHmac('sha256', secret);
  hmac.update(kind);
  for (const part of parts) hmac.update(`:${Buffer.byteLength(part)}:`).update(part);
  return hmac.digest();
}
