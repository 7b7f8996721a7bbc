// Starts the image's own program, as the image does, and asks it: `node shop.mjs`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const server = spawn('node', ['src/server.js'], { env: { ...process.env, PORT: '8099' }, stdio: 'inherit' });
const ask = (path, init) => fetch(`http://127.0.0.1:8099${path}`, { headers: { connection: 'close' }, ...init });
try {
  for (let tries = 0; ; tries += 1) {
    try {
      await ask('/health');
      break;
    } catch (error) {
      if (tries === 100) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const answer = await ask('/price', { method: 'POST', body: '{"apple":20,"plum":10}' });
  assert.deepEqual(await answer.json(), { count: 30, discount: 0.43, total: 8.07 });
} finally {
  server.kill('SIGTERM');
}
const [code] = await once(server, 'exit');
assert.equal(code, 0, 'it does not end on SIGTERM');
console.log('e2e: the image prices a cart, and ends');
