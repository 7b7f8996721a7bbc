// The server: CONFIG is its file, PORT where it listens; SIGTERM ends it.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseConfig } from './config.js';
import { createGreeter } from './greeter.js';

const config = parseConfig(readFileSync(process.env.CONFIG || 'config.yaml', 'utf8'));
const port = Number(process.env.PORT || '8080');
const server = createServer(createGreeter(config));
server.listen(port, process.env.HOST || '0.0.0.0', () => {
  console.log(`greeter: ${config.environment} on port ${port}`);
});

// A process that is PID 1 has no default action for these.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
