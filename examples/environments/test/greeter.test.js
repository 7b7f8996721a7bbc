import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { createGreeter, greet } from '../dist/greeter.js';

const config = { environment: 'staging', greeting: 'Hello {name}', showErrors: true };

async function ask(config, path) {
  const server = createServer(createGreeter(config)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers: { connection: 'close' } });
  const body = await response.json();
  server.close();
  return { status: response.status, body };
}

test('a name is greeted, whatever it holds', () => {
  assert.equal(greet(config, 'Ada'), 'Hello Ada');
  assert.equal(greet(config, '$&'), 'Hello $&');
});

test('only who may see an error sees its stack', async () => {
  const shown = await ask(config, '/greet');
  assert.equal(shown.status, 500);
  assert.match(shown.body.error, /nobody to greet\n {4}at /);
  const hidden = await ask({ ...config, showErrors: false }, '/greet');
  assert.deepEqual(hidden, { status: 500, body: { error: 'an error; it is in the log' } });
});

test('a service tells its environment', async () => {
  assert.deepEqual(await ask(config, '/environment'), { status: 200, body: { environment: 'staging' } });
});
