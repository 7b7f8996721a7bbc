// Serves until it is told to end.

import { app } from './app.js';

const port = Number(process.env.PORT ?? 8080);
const server = app().listen(port, () => console.log(`listening on ${port}`));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
