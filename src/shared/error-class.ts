/** What the error classes of the package have in common (errors.ts says why). */

export function setName(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, writable: true, configurable: true });
}

/**
 * Without a cause there must be no own `cause` property: `{ cause: undefined }` would print one.
 */
export function causeOf(details: { readonly cause?: unknown }): ErrorOptions | undefined {
  // An own property, because a `cause` on `Object.prototype` belongs to the program.
  return !Object.hasOwn(details, 'cause') || details.cause === undefined ? undefined : { cause: details.cause };
}
