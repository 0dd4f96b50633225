/** Describes any value in an error message: shortly, with its type, and without throwing. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)} (string)`;
    case 'bigint':
      return `${value}n (bigint)`;
    case 'undefined':
      return 'undefined';
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : showObject(value);
    default:
      return `${Object.is(value, -0) ? '-0' : String(value)} (${typeof value})`;
  }
}

function showObject(value: object): string {
  try {
    if (Array.isArray(value)) return 'an array';
    const name: unknown = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)?.constructor?.name;
    return typeof name === 'string' && name !== '' && name !== 'Object' ? `an object (${name})` : 'an object';
  } catch {
    // A Proxy may throw from any of these, and the message is about something else.
    return 'an object';
  }
}
