// The cart over HTTP: POST /price with `{ "apple": 3 }`.

import { createServer } from 'node:http';

import { price } from './cart.js';

/** A server that listens to nobody yet. */
export function app() {
  return createServer(async (request, response) => {
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.url === '/health') {
      return answer(200, { status: 'ok' });
    }
    if (request.url !== '/price' || request.method !== 'POST') {
      return answer(404, { error: 'POST /price is all there is' });
    }
    let text = '';
    for await (const part of request.setEncoding('utf8')) {
      text += part;
    }
    try {
      answer(200, price(JSON.parse(text)));
    } catch (error) {
      answer(400, { error: error.message });
    }
  });
}
