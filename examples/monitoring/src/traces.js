// Which request took how long, as spans of OpenTelemetry in JSON over HTTP: for Jaeger, or whoever else listens at
// OTEL_EXPORTER_OTLP_ENDPOINT. Without it nothing is sent.

import { randomBytes } from 'node:crypto';

const text = (key, value) => ({ key, value: { stringValue: value } });
const now = () => String(BigInt(Date.now()) * 1_000_000n);

export function createTraces(endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT) {
  const resource = { attributes: [text('service.name', 'service')] };
  return {
    start(route) {
      const startTimeUnixNano = now();
      return async (status) => {
        if (!endpoint) return;
        const span = {
          traceId: randomBytes(16).toString('hex'),
          spanId: randomBytes(8).toString('hex'),
          name: route,
          kind: 2, // of a server
          startTimeUnixNano,
          endTimeUnixNano: now(),
          attributes: [text('http.route', route), text('http.response.status_code', String(status))],
        };
        const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] });
        const headers = { 'content-type': 'application/json' };
        // Who watches may be away: the service goes on.
        await fetch(`${endpoint}/v1/traces`, { method: 'POST', headers, body }).catch(() => {});
      };
    },
  };
}
