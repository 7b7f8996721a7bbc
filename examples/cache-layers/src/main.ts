// The server: HOST and PORT say where it listens; SIGTERM ends it.

import { createServer } from 'node:http';
import { createSite } from './site.js';

const port = Number(process.env.PORT || '8080');
const server = createServer(await createSite('pages', 'public'));
server.listen(port, process.env.HOST || '0.0.0.0', () => console.log(`handbook: serving on port ${port}`));

// A process that is PID 1 has no default action for these.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
