// The service: requests on PORT until SIGTERM.

import { createServer } from 'node:http';
import { createApp } from './app.js';

const port = Number(process.env.PORT ?? 3000);
const server = createServer(createApp());
server.listen(port, () => console.log(`the service listens on ${port}`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    console.log(`the service ends on ${signal}`);
    server.close();
    server.closeIdleConnections();
  });
}
