import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { after, before, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { createSite } from '../dist/site.js';

const server = createServer();
before(async () => {
  server.on('request', await createSite('pages', 'public'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

// fetch would decode the body, so the plain client asks.
async function get(path, headers = {}, method = 'GET') {
  const asked = request({ port: server.address().port, host: '127.0.0.1', path, headers, method, agent: false });
  asked.end();
  const [response] = await once(asked, 'response');
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

test('assets come in the encoding that the client takes', async () => {
  const plain = await get('/assets/style.css');
  assert.equal(plain.headers['content-encoding'], undefined);
  const brotli = await get('/assets/style.css', { 'accept-encoding': 'gzip, br;q=0.9' });
  assert.equal(brotli.headers['content-encoding'], 'br');
  assert.deepEqual(brotliDecompressSync(brotli.body), plain.body);
  const gzip = await get('/assets/style.css', { 'accept-encoding': 'gzip, br;q=0' });
  assert.equal(gzip.headers['content-encoding'], 'gzip');
  assert.deepEqual(gunzipSync(gzip.body), plain.body);
});

test('assets are small: no comments, and compressed well below half', async () => {
  for (const path of ['/assets/style.css', '/assets/search.js']) {
    const plain = await get(path);
    const brotli = await get(path, { 'accept-encoding': 'br' });
    assert.ok(!plain.body.includes('handbook\'s looks') && !plain.body.includes('Marks the words'), path);
    assert.ok(brotli.body.length < plain.body.length * 0.6, `${path}: ${brotli.body.length} of ${plain.body.length}`);
  }
});

test('pages, health and what is not there', async () => {
  assert.match((await get('/setup')).body.toString(), /<h1>Setting up<\/h1>/);
  assert.deepEqual(JSON.parse((await get('/health')).body), { pages: 2 });
  assert.equal((await get('/secret')).status, 404);
  assert.equal((await get('/', {}, 'POST')).status, 405);
});
