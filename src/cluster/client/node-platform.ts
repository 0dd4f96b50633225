/** What a client touches of the outside world: the clock of Node, and a store over BullMQ. */
import { randomBytes } from 'node:crypto';
import { NodeClock } from '../../shared/node-clock.js';
import { openClientStore } from '../store/bull-client-store.js';
import { isRefusal } from '../store/refusals.js';
import type { ClientPlatform } from './client-core.js';
import type { ResolvedClusterOptions } from './client-options.js';

/** @internal Makes the platform of the next client; tests and the simulation replace it. */
export const platformOf: { make: (options: ResolvedClusterOptions) => ClientPlatform } = { make: nodePlatform };

function nodePlatform({ connection, name, connectTimeoutMs }: ResolvedClusterOptions): ClientPlatform {
  return {
    clock: new NodeClock(),
    clientId: randomBytes(12).toString('base64url'),
    isRefusal,
    connect: (listener) => openClientStore({ connection, name, connectTimeoutMs }, listener),
  };
}
