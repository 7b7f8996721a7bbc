import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Queue } from '../dist/queue.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const order = '{"customer":"Ada","lines":[{"sku":"nail","quantity":2}]}';

async function jobs(t, files) {
  const directory = await mkdtemp(join(tmpdir(), 'jobs-'));
  t.after(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text);
  }
  return directory;
}

async function states(queue) {
  const all = [];
  for await (const { job, state } of queue.take()) {
    all.push(`${job} ${state}`);
  }
  return all;
}

test('a queue takes each job once, by name, and leaves other files alone', async (t) => {
  const directory = await jobs(t, { 'b.json': '{}', 'a.json': order, 'notes.txt': 'no job' });
  await mkdir(join(directory, 'c.json'));
  const queue = new Queue(directory);
  assert.deepEqual(await states(queue), ['a.json priced', 'b.json refused', 'c.json refused']);
  await writeFile(join(directory, 'd.json'), order);
  assert.deepEqual(await states(queue), ['d.json priced']);
  assert.deepEqual(queue.counts, { priced: 2, refused: 2 });
});

test('a file that went and came back is a new job, a missing directory an empty queue', async (t) => {
  const directory = await jobs(t, { 'a.json': order });
  const queue = new Queue(directory);
  await states(queue);
  await rename(join(directory, 'a.json'), join(directory, 'a.old'));
  assert.deepEqual(await states(queue), []);
  await rename(join(directory, 'a.old'), join(directory, 'a.json'));
  assert.deepEqual(await states(queue), ['a.json priced']);
  assert.deepEqual(await states(new Queue(join(directory, 'none'))), []);
});

test('--once prints the results and tells by its status whether all were priced', async (t) => {
  const once = async (files) => {
    const child = spawn(process.execPath, [main, '--once'], { env: { JOBS_DIR: await jobs(t, files) } });
    const lines = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(JSON.parse(line));
    }
    return [child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve))), lines];
  };
  const priced = { job: 'a.json', state: 'priced', customer: 'Ada', total: '0.10 EUR' };
  const refused = { job: 'b.json', state: 'refused', reason: 'order: not JSON' };
  assert.deepEqual(await once({ 'a.json': order }), [0, [priced, { priced: 1, refused: 0 }]]);
  assert.deepEqual(await once({ 'a.json': order, 'b.json': '' }), [1, [priced, refused, { priced: 1, refused: 1 }]]);
});

test('the loop picks up new jobs, answers health and ends on SIGTERM', async (t) => {
  const directory = await jobs(t, {});
  const env = { JOBS_DIR: directory, POLL: '20ms', HOST: '127.0.0.1', PORT: '0' };
  const child = spawn(process.execPath, [main], { env });
  t.after(() => child.kill('SIGKILL'));
  const [listens] = await once(createInterface(child.stderr), 'line');
  const port = listens.match(/listens on (\d+)$/)[1];

  await writeFile(join(directory, 'a.tmp'), order);
  await rename(join(directory, 'a.tmp'), join(directory, 'a.json'));
  const [line] = await once(createInterface(child.stdout), 'line');
  assert.equal(JSON.parse(line).state, 'priced');
  const health = await (await fetch(`http://127.0.0.1:${port}/health`)).json();
  assert.deepEqual(health, { service: 'worker', status: 'ok', priced: 1, refused: 0 });

  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
