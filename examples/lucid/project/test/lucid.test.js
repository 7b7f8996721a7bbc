import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { serve } from '../src/server.js';
import { isLogged, status } from '../src/uptime.js';

test('a status has the version and the time in words', () => {
  const expected = { version: '1.2.3', up: '2 hours' };
  assert.deepEqual(status({ version: '1.2.3', started: 0, now: 7_200_000 }), expected);
});

test('a level is logged by itself and by those above', () => {
  assert.ok(isLogged('error', 'info') && isLogged('info', 'info') && !isLogged('debug', 'info'));
});

test('the service answers what it knows', async (t) => {
  const lines = [];
  const server = serve({ version: '1.2.3', log: (line) => lines.push(line) }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const ask = (path) => fetch(`http://127.0.0.1:${server.address().port}${path}`);
  assert.equal((await (await ask('/')).json()).version, '1.2.3');
  assert.deepEqual(await (await ask('/health')).json(), { ok: true });
  assert.equal((await ask('/nowhere')).status, 404);
  assert.deepEqual(lines, ['GET /', 'GET /health', 'GET /nowhere']);
});
