/** What the commands share in how they read their command line, and report a mistake in it. */
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { EverpoolError } from '../shared/errors.js';
import { EXIT, say, UsageError } from './exit.js';

/** Commander would silently ignore the first of two. */
export function refuseTwice(command: Command): void {
  for (const option of command.options) if (option.required && !option.variadic) refuseSecond(command, option);
}

function refuseSecond(command: Command, option: Option): void {
  let isGiven = false;
  command.on(`option:${option.name()}`, () => {
    if (isGiven) command.error(`error: option '${option.flags}' was given twice`);
    isGiven = true;
  });
}

/** Reports a mistake of the user's in one line, without a stack. */
export async function guarded(run: () => Promise<number>, clean: (text: string) => string = (text) => text): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof EverpoolError)) throw error;
    say(clean(error.message));
    return error instanceof UsageError || error.code === 'ERR_EVERPOOL_OPTIONS' ? EXIT.usage : EXIT.failed;
  }
}

export function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be an integer.');
  return Number(text);
}
