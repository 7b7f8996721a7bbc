// GET /?name=… on 8080, until SIGTERM.

import { createServer } from 'node:http';
import { greeting } from './greeting.js';

const server = createServer((request, response) => {
  const name = new URL(request.url, 'http://server').searchParams.get('name');
  response.setHeader('content-type', 'text/html; charset=utf-8').end(greeting(name));
});
server.listen(8080);
process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
