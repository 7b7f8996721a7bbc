// The worker process: prices the orders that lie in JOBS_DIR (/jobs), one JSON line each on stdout.
//
// `--once` handles what is there and exits, with status 1 if an order was refused. Without it the
// directory is looked at every POLL (2s) and GET /health answers on PORT (3002).

import { setTimeout as delay } from 'node:timers/promises';
import { sendJson, serve, settings, untilSignal } from '@demo/shared';
import { parseInterval } from './interval.js';
import { Queue } from './queue.js';

const queue = new Queue(process.env.JOBS_DIR || '/jobs');

if (process.argv.includes('--once')) {
  await work();
  console.log(JSON.stringify(queue.counts));
  process.exitCode = queue.counts.refused > 0 ? 1 : 0;
} else {
  const every = parseInterval(process.env.POLL || '2s');
  const serving = await serve((request, response) => {
    if (request.method === 'GET' && request.url === '/health') {
      sendJson(response, 200, { service: 'worker', status: 'ok', ...queue.counts });
    } else {
      sendJson(response, 404, { error: 'no such route' });
    }
  }, settings(process.env, 3002));
  console.error(`worker listens on ${serving.port}`);

  const stop = new AbortController();
  void untilSignal().then((signal) => {
    console.error(`worker stops on ${signal}`);
    stop.abort();
  });
  while (!stop.signal.aborted) {
    await work();
    // Being told to stop cuts the wait short.
    await delay(every, undefined, { signal: stop.signal }).catch(() => {});
  }
  await serving.close();
}

async function work(): Promise<void> {
  for await (const result of queue.take()) {
    console.log(JSON.stringify(result));
  }
}
