/** A TCP proxy before a store, that can go dark: both sides stay connected, and hear nothing. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Connection } from '../../src/cluster/types.js';

export interface StoreProxy {
  readonly port: number;
  /** From now on nothing is passed on, in either direction. */
  darken(): void;
  /** What has waited is passed on, and the rest too. */
  lighten(): void;
  close(): void;
}

export async function startProxy(port: number): Promise<StoreProxy> {
  const sockets = new Set<Socket>();
  let isDark = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('data', (bytes) => other.write(bytes));
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        if (!isDark) other.destroy();
      });
      if (isDark) one.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    darken() {
      isDark = true;
      for (const socket of sockets) socket.pause();
    },
    lighten() {
      isDark = false;
      for (const socket of sockets) socket.resume();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** The same store behind the proxy. */
export function through(proxy: StoreProxy, connection: Connection): Connection {
  const key = 'redis' in connection ? 'redis' : 'postgres';
  const url = new URL((connection as unknown as Record<string, string>)[key] as string);
  url.port = String(proxy.port);
  return { ...connection, [key]: url.href } as Connection;
}
