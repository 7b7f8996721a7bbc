// GET / says which version runs, and for how long; GET /health says that it does.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { isLogged, status } from './uptime.js';

export function serve({ version = '0.0.0', level = 'info', started = Date.now(), log = console.log } = {}) {
  return createServer((request, response) => {
    if (isLogged('info', level)) log(`${request.method} ${request.url}`);
    response.setHeader('content-type', 'application/json');
    const answers = { '/': () => status({ version, started, now: Date.now() }), '/health': () => ({ ok: true }) };
    const answer = answers[request.url];
    if (!answer) response.statusCode = 404;
    response.end(JSON.stringify(answer ? answer() : { error: 'not found' }));
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { VERSION: version, LOG_LEVEL: level, PORT: port = 8080 } = process.env;
  const server = serve({ version, level }).listen(port);
  process.on('SIGTERM', () => server.close());
}
