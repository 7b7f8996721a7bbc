import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { createApp } from '../src/app.js';

let server;
let url;

before(async () => {
  server = createServer(createApp());
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

test('a name is greeted', async () => {
  const answer = await fetch(`${url}/greet/Ada%20Lovelace`);
  assert.equal(await answer.text(), 'Hello, Ada Lovelace\n');
});

test('the service is well', async () => {
  const answer = await fetch(`${url}/health`);
  assert.deepEqual(await answer.json(), { status: 'ok' });
});

test('requests are counted by route and not by path', async () => {
  await fetch(`${url}/greet/Grace`);
  assert.equal((await fetch(`${url}/nowhere`)).status, 404);
  const text = await (await fetch(`${url}/metrics`)).text();
  assert.match(text, /http_requests_total\{route="\/greet\/:name",status="200"\} 2/);
  assert.match(text, /http_requests_total\{route="other",status="404"\} 1/);
  assert.doesNotMatch(text, /Grace/);
});
