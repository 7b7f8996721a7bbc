// What is counted of requests, in Prometheus' words. Labels are routes and not paths: a path is anybody's text.

import { Counter, Histogram, Registry } from 'prom-client';

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ['route', 'status'];
  const requests = new Counter({ name: 'http_requests_total', help: 'Requests answered.', labelNames, registers });
  const seconds = new Histogram({
    name: 'http_request_seconds',
    help: 'Time to answer.',
    labelNames: ['route'],
    buckets: [0.005, 0.05, 0.5, 5],
    registers,
  });
  return {
    type: registry.contentType,
    text: () => registry.metrics(),
    start(route) {
      const timer = seconds.startTimer({ route });
      return (status) => {
        timer();
        requests.inc({ route, status });
      };
    },
  };
}
