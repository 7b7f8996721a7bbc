// The routes: GET /greet?name=…, GET /environment, GET /health.

import type { RequestListener } from 'node:http';
import type { Config } from './config.js';

export function createGreeter(config: Config): RequestListener {
  return (request, response) => {
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    try {
      const url = new URL(request.url ?? '/', 'http://greeter');
      if (url.pathname === '/greet') {
        send(200, { text: greet(config, url.searchParams.get('name')) });
      } else if (url.pathname === '/environment') {
        send(200, { environment: config.environment });
      } else if (url.pathname === '/health') {
        send(200, { status: 'ok' });
      } else {
        send(404, { error: 'no such page' });
      }
    } catch (error) {
      send(500, { error: config.showErrors ? (error as Error).stack : 'an error; it is in the log' });
    }
  };
}

// A name that is missing is the caller's mistake, and shows how errors are told.
export function greet(config: Config, name: string | null): string {
  if (name === null || name === '') {
    throw new Error('name: nobody to greet');
  }
  return config.greeting.replace('{name}', () => name);
}
