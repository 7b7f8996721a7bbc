import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from '@demo/shared';
import { createApp } from '../dist/app.js';
import { OrderStore } from '../dist/store.js';

let serving;
let base;

before(async () => {
  serving = await serve(createApp(new OrderStore()), { host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${serving.port}`;
});

after(() => serving.close());

const post = (body) => fetch(`${base}/orders`, { method: 'POST', body });

test('an order that was taken can be read again', async () => {
  const answer = await post('{"customer":"Ada","lines":[{"sku":"chair","quantity":12}]}');
  assert.equal(answer.status, 201);
  const order = await answer.json();
  assert.equal(order.total, '1,074.00 EUR');
  assert.deepEqual(await (await fetch(`${base}/orders/${order.id}`)).json(), order);
});

test('health counts the orders taken', async () => {
  const count = async () => (await (await fetch(`${base}/health`)).json()).orders;
  const earlier = await count();
  await post('{"customer":"Bo","lines":[{"sku":"nail","quantity":1}]}');
  await post('{"customer":"Bo","lines":[]}');
  assert.equal(await count(), earlier + 1);
});

test('a bad order is refused with the field at fault', async () => {
  const answer = await post('{"customer":"Ada","lines":[{"sku":"chair","quantity":0}]}');
  assert.equal(answer.status, 422);
  assert.match((await answer.json()).error, /^lines\[0\]\.quantity: /);
});

test('what is no JSON, no order and no route is told apart', async () => {
  const error = async (answer) => [answer.status, (await answer.json()).error];
  assert.deepEqual(await error(await post('{')), [400, 'body: not JSON']);
  assert.deepEqual(await error(await fetch(`${base}/orders/7`)), [404, 'no such order']);
  assert.deepEqual(await error(await fetch(`${base}/customers`)), [404, 'no such route']);
});
