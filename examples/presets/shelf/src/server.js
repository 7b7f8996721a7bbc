// Serves the shelf on $PORT until SIGTERM.

import { createServer } from 'node:http';
import { answer } from './app.js';

const server = createServer((request, response) => {
  const { status, type, body } = answer(request.url);
  response.writeHead(status, { 'content-type': type }).end(body);
});
server.listen(Number(process.env.PORT));
process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
