// The routes of the api: GET /health, POST /orders, GET /orders/:id. All answers are JSON.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { BodyError, formatMoney, OrderError, parseOrder, readJson, sendJson } from '@demo/shared';
import createRouter from 'find-my-way';
import type { OrderStore, Taken } from './store.js';

export function createApp(store: OrderStore): RequestListener {
  const router = createRouter({
    defaultRoute: (_request, response) => sendJson(response as ServerResponse, 404, { error: 'no such route' }),
  });

  router.on('GET', '/health', (_request, response) => {
    sendJson(response as ServerResponse, 200, { service: 'api', status: 'ok', orders: store.size });
  });

  router.on('POST', '/orders', async (request, response) => {
    try {
      const taken = store.add(parseOrder(await readJson(request as IncomingMessage)));
      sendJson(response as ServerResponse, 201, view(taken));
    } catch (error) {
      refuse(response as ServerResponse, error);
    }
  });

  router.on('GET', '/orders/:id', (_request, response, { id }) => {
    const taken = store.get(id ?? '');
    if (taken === undefined) {
      sendJson(response as ServerResponse, 404, { error: 'no such order' });
    } else {
      sendJson(response as ServerResponse, 200, view(taken));
    }
  });

  return (request, response) => router.lookup(request, response);
}

function view({ id, customer, lines, cents }: Taken) {
  return { id, customer, lines, total: formatMoney(cents) };
}

function refuse(response: ServerResponse, error: unknown): void {
  if (error instanceof BodyError) {
    sendJson(response, error.status, { error: error.message });
  } else if (error instanceof OrderError) {
    sendJson(response, 422, { error: error.message });
  } else {
    console.error(error);
    // A client that hung up midway ends here too; there is nobody left to answer.
    if (!response.destroyed) {
      sendJson(response, 500, { error: 'internal error' });
    }
  }
}
