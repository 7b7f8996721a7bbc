// The ledger over HTTP. It starts only as it was released, and only with a password.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ledger } from './ledger.js';
import { wrong } from './manifest.js';
import { settings } from './settings.js';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (...path) => readFileSync(join(home, ...path), 'utf8');

const reason = wrong(join(home, 'src'), JSON.parse(read('manifest.json')), read('keys', 'release.pub.pem'));
if (reason) {
  console.error(`this release is not to be trusted: ${reason}`);
  process.exit(1);
}

const { port, password } = settings();
const account = ledger(password);

const server = createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (request.url === '/health') {
    return answer(200, { status: 'ok', release: 'verified' });
  }
  if (request.url !== '/entries' || request.method !== 'POST') {
    return answer(404, { error: 'POST /entries is all there is' });
  }
  if (!account.knows(request.headers.authorization)) {
    return answer(401, { error: 'authorization: Bearer PASSWORD' });
  }
  let text = '';
  for await (const part of request.setEncoding('utf8')) {
    text += part;
  }
  try {
    answer(201, account.add(text));
  } catch (error) {
    answer(400, { error: error.message });
  }
});

server.listen(port, () => console.log(`listening on ${port}`));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
