// Routes: GET /greet/NAME, GET /health, GET /metrics. Every request is counted, timed and traced.

import { createMetrics } from './metrics.js';
import { createTraces } from './traces.js';

export function createApp(metrics = createMetrics(), traces = createTraces()) {
  return async (request, response) => {
    const { pathname } = new URL(request.url, 'http://service');
    const route = routeOf(pathname);
    const ends = [metrics.start(route), traces.start(route)];
    const [status, type, body] = await answer(route, pathname, metrics);
    response.writeHead(status, { 'content-type': type });
    response.end(body);
    for (const end of ends) end(status);
  };
}

function routeOf(pathname) {
  if (pathname === '/health' || pathname === '/metrics') return pathname;
  return /^\/greet\/[^/]+$/.test(pathname) ? '/greet/:name' : 'other';
}

async function answer(route, pathname, metrics) {
  switch (route) {
    case '/greet/:name':
      return [200, 'text/plain', `Hello, ${decodeURIComponent(pathname.slice('/greet/'.length))}\n`];
    case '/health':
      return [200, 'application/json', '{"status":"ok"}\n'];
    case '/metrics':
      return [200, metrics.type, await metrics.text()];
    default:
      return [404, 'text/plain', 'no such page\n'];
  }
}
