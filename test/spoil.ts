/** Spoils messages on their way to a worker. */
import * as records from '../dist/pool/core.js';

/** The body of the next task's arguments is cut in half: whole frames, whose values cannot be decoded. */
export function spoilArguments<T>(submit: () => T): T {
  const { prototype } = records.Core;
  const { submit: real } = prototype;
  prototype.submit = function (name, isExec, encoded, ...rest) {
    return real.call(this, name, isExec, { ...encoded, body: '{"cut' }, ...rest);
  };
  try {
    return submit();
  } finally {
    prototype.submit = real;
  }
}
