/** The options that hosts and clients share. */

import type { Reader } from '../pool/options/option-table.js';
import { invalid, listOf, plainObject, type Rule, readBy } from '../shared/check.js';
import { OptionsError } from '../shared/errors.js';
import type { Connection } from './types.js';

/** Of a cluster and of a host: it is part of keys, of tables, and of names of connections. */
export const clusterName: Rule<string> = {
  text: '1 to 100 letters, digits, and - _ . @',
  holds: (value): value is string => typeof value === 'string' && /^[A-Za-z0-9\-_.@]{1,100}$/.test(value),
};

export const DEFAULT_NAME = 'everpool';
export const DEFAULT_PAYLOAD_LIMIT: number = 8 * 1024 * 1024;

/** Returns a list. The message does not show what was given. */
export const readSecret: Reader<readonly string[]> = (path, value) => {
  const rule = 'a non-empty string, or an array of those';
  const list = typeof value === 'string' ? [value] : listOf(path, rule, value);
  if (list.length > 0 && list.every((each) => typeof each === 'string' && each !== '')) return list as string[];
  throw new OptionsError(`${path}: expected ${rule}`);
};

/** Its parts are the store's to check. */
export const readConnection: Reader<Connection> = (path, value) => {
  const rule = 'an object with either redis or postgres, as in { redis: url }';
  if (typeof value === 'string') throw new OptionsError(`${path}: expected ${rule}, got a string`); // maybe a URL with a password
  const given = plainObject(path, value);
  const [redis, postgres] = readBy(path, () => [given['redis'], given['postgres']]);
  if ((redis === undefined) === (postgres === undefined)) throw invalid(path, rule, value);
  return value as Connection;
};
