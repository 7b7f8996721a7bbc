// Serves the page at /, and whether it is well at /health.
import { createServer } from 'node:http';
import { page } from './notices.js';

const NOTICES = ['The office is closed on Friday', 'Lost: one <b>umbrella</b>'];
const server = createServer((request, response) => {
  const well = request.url === '/health';
  response.setHeader('content-type', well ? 'application/json' : 'text/html; charset=utf-8');
  response.end(well ? '{"status":"ok"}' : page(NOTICES));
});
server.listen(3000);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
