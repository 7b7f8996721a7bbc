import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readJson, sendJson, serve, SettingError, settings } from '@demo/shared';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const local = { host: '127.0.0.1', port: 0 };

test('settings come from the environment, or are refused by name', () => {
  assert.deepEqual(settings({}, 3001), { host: '0.0.0.0', port: 3001 });
  assert.deepEqual(settings({ HOST: '127.0.0.1', PORT: '81' }, 3001), { host: '127.0.0.1', port: 81 });
  for (const PORT of ['http', '-1', '65536', '80.5', '0x50']) {
    assert.throws(() => settings({ PORT }, 3001), SettingError);
  }
});

test('a port in use is an error', async () => {
  const first = await serve(() => {}, local);
  await assert.rejects(serve(() => {}, { ...local, port: first.port }), { code: 'EADDRINUSE' });
  await first.close();
});

test('a body over the limit is refused, one at the limit is read', async () => {
  const serving = await serve(async (request, response) => {
    try {
      sendJson(response, 200, await readJson(request, 10));
    } catch (error) {
      sendJson(response, error.status, { error: error.message });
    }
  }, local);
  const post = async (body) => (await fetch(`http://127.0.0.1:${serving.port}`, { method: 'POST', body })).status;
  assert.equal(await post('"12345678"'), 200);
  assert.equal(await post('"123456789"'), 413);
  assert.equal(await post('{'), 400);
  await serving.close();
});

test('close waits for the request under way, and no longer', { timeout: 4000 }, async () => {
  let begun;
  const began = new Promise((resolve) => (begun = resolve));
  const serving = await serve((_request, response) => begun(response), local);
  const asked = fetch(`http://127.0.0.1:${serving.port}`);
  const response = await began;
  const closed = serving.close();
  response.end('late');
  assert.equal(await (await asked).text(), 'late');
  await closed;
});

test('a process ends with 0 on SIGTERM, though a client keeps its connection', async () => {
  const child = spawn(process.execPath, [path('stoppable.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(createInterface(child.stdout), 'line');
  assert.equal((await fetch(`http://127.0.0.1:${port}`)).status, 200);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('the health check tells a service that answers from one that does not', async () => {
  const serving = await serve((request, response) => sendJson(response, request.url === '/health' ? 200 : 404, {}), local);
  const run = (port) => promisify(execFile)(process.execPath, [path('../dist/healthcheck.js'), String(port)], { env: {} });
  await run(serving.port);
  await serving.close();
  await assert.rejects(run(serving.port), { code: 1 });
});
