// How a service starts and stops: settings from the environment, one HTTP server, an orderly end.

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Settings {
  readonly host: string;
  readonly port: number;
}

export interface Serving {
  // The port in use: of interest when 0 was asked for.
  readonly port: number;
  // Takes no new requests and resolves when those under way are answered.
  close(): Promise<void>;
}

// An environment variable that makes no sense; the message names it.
export class SettingError extends Error {
  override name = 'SettingError';
}

// `HOST` and `PORT`, where set.
export function settings(env: NodeJS.ProcessEnv, port: number): Settings {
  const text = env.PORT || String(port);
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) {
    throw new SettingError(`PORT: a number from 0 to 65535 is needed, not "${text}"`);
  }
  return { host: env.HOST || '0.0.0.0', port: Number(text) };
}

export function serve(app: RequestListener, { host, port }: Settings): Promise<Serving> {
  const server = createServer(app);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            // Else a client that keeps its connection would hold the process for seconds more:
            // Node 18 does not close the idle ones by itself, no Node those that idle later.
            server.keepAliveTimeout = 1;
            server.closeIdleConnections();
          }),
      });
    });
  });
}

// Resolves at the first SIGTERM or SIGINT. A process that is PID 1 has no default action for
// them, so a service that does not listen here is killed after the runtime's grace period.
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, resolve);
    }
  });
}
