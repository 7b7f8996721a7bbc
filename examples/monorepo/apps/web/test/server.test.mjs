// The server as it ships, asked over HTTP, before an api that says what a test wants.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const site = 'http://127.0.0.1:3000';
const summary = { slug: 'house-rules', title: 'House rules', minutes: 2 };
const answers = {
  '/api/documents': [summary],
  '/api/documents/house-rules': { ...summary, text: 'Be kind.' },
};
let closed = false;
const api = createServer((request, response) => {
  const answer = answers[request.url];
  const status = closed ? 503 : answer ? 200 : 404;
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
});
let server;

before(async () => {
  await once(api.listen(0, '127.0.0.1'), 'listening');
  const env = { ...process.env, API_URL: `http://127.0.0.1:${api.address().port}` };
  server = spawn(process.execPath, ['apps/web/server.js'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const up = () => fetch(`${site}/health`).then((answer) => answer.ok, () => false);
  while (!(await up())) {
    assert.equal(server.exitCode, null, 'the server has ended');
    await sleep(50);
  }
});

after(() => {
  server.kill();
  api.close();
  api.closeAllConnections();
});

const page = async (path) => {
  const answer = await fetch(site + path);
  return { status: answer.status, body: await answer.text() };
};

test('the page lists what the api has', async () => {
  const { status, body } = await page('/');
  assert.equal(status, 200);
  assert.match(body, /<a href="\/documents\/house-rules">House rules<\/a>.*\(2 min\)/);
});

test('scripts, styles and public files are there', async () => {
  const { body } = await page('/');
  const files = [...body.matchAll(/(?:src|href)="(\/_next\/static\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path);
  assert.ok(files.some((path) => path.endsWith('.js')) && files.some((path) => path.endsWith('.css')), body);
  for (const path of [...new Set(files), '/icon.svg']) {
    assert.equal((await page(path)).status, 200, path);
  }
});

test('a document has a page, and what is none has none', async () => {
  assert.match((await page('/documents/house-rules')).body, /<p>Be kind\.<\/p>/);
  assert.equal((await page('/documents/nothing')).status, 404);
});

test('while the api is closed the site says that something is wrong, and not what', async () => {
  closed = true;
  const { status, body } = await page('/');
  closed = false;
  assert.equal(status, 500);
  assert.doesNotMatch(body, /the api says|127\.0\.0\.1/);
});
