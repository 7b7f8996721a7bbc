import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';

import { app } from '../../src/app.js';

test('a cart is priced over HTTP', async (t) => {
  const server = app().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const ask = async (path, init) => {
    const answer = await fetch(url + path, { headers: { connection: 'close' }, ...init });
    return [answer.status, await answer.json()];
  };

  assert.deepEqual(await ask('/health'), [200, { status: 'ok' }]);
  const cart = (body) => ask('/price', { method: 'POST', body });
  assert.deepEqual(await cart('{"apple":2}'), [200, { count: 2, discount: 0, total: 0.7 }]);
  assert.equal((await cart('{"tank":1}'))[0], 400);
  assert.equal((await cart('no json'))[0], 400);
  assert.equal((await ask('/other'))[0], 404);
});
