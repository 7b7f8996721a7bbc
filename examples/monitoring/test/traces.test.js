import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { createTraces } from '../src/traces.js';

test('a request is a span, named by its route', async () => {
  const { promise, resolve } = collected();
  const jaeger = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.end('{}');
    resolve({ url: request.url, ...JSON.parse(Buffer.concat(chunks)) });
  });
  await new Promise((done) => jaeger.listen(0, '127.0.0.1', done));
  await createTraces(`http://127.0.0.1:${jaeger.address().port}`).start('/greet/:name')(200);
  const { url, resourceSpans } = await promise;
  jaeger.closeAllConnections();
  jaeger.close();
  const [span] = resourceSpans[0].scopeSpans[0].spans;
  assert.equal(url, '/v1/traces');
  assert.equal(span.name, '/greet/:name');
  assert.match(`${span.traceId} ${span.spanId}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
  assert.ok(span.endTimeUnixNano >= span.startTimeUnixNano);
});

test('nobody who listens is no fault', () => createTraces('http://127.0.0.1:1').start('other')(404));

function collected() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
