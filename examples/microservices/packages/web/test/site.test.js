import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from '@demo/shared';
import { renderPage } from '../dist/page.js';
import { createSite } from '../dist/site.js';

let serving;
let base;

before(async () => {
  serving = await serve(await createSite(), { host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${serving.port}`;
});

after(() => serving.close());

test('the page lists every good with its price, escaped', async () => {
  const answer = await fetch(`${base}/?from=mail`);
  assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
  const html = await answer.text();
  assert.match(html, /<tr id="chair"><td>Oak chair<\/td><td>89\.50 EUR<\/td><\/tr>/);
  assert.match(html, /<td>Nails &amp; hooks<\/td><td>0\.05 EUR<\/td>/);
});

test('the stylesheet the page asks for is there', async () => {
  const html = await (await fetch(base)).text();
  const [, href] = html.match(/<link rel="stylesheet" href="([^"]+)">/);
  const answer = await fetch(new URL(href, base));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/css; charset=utf-8');
});

test('HEAD has no body, other methods and paths are refused', async () => {
  const head = await fetch(base, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.ok(Number(head.headers.get('content-length')) > 0);
  assert.equal(await head.text(), '');
  assert.equal((await fetch(base, { method: 'POST' })).status, 405);
  assert.equal((await fetch(`${base}/../package.json`)).status, 404);
  assert.deepEqual(await (await fetch(`${base}/health`)).json(), { service: 'web', status: 'ok' });
});

test('an empty shop has a page too', () => {
  assert.equal(renderPage('{{#any}}table{{/any}}{{^any}}nothing{{/any}}', []), 'nothing');
});
