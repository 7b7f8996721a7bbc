// The routes of the site: GET / (HTML), GET /style.css, GET /health (JSON). HEAD answers like GET.

import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { goods } from '@demo/shared';
import { renderPage } from './page.js';

interface Resource {
  readonly type: string;
  readonly body: string;
}

// Reads the assets and renders the page once: neither changes while the process runs.
export async function createSite(): Promise<RequestListener> {
  const resources = new Map<string, Resource>([
    ['/', { type: 'text/html; charset=utf-8', body: renderPage(await asset('page.mustache'), goods.values()) }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: await asset('style.css') }],
    ['/health', { type: 'application/json', body: '{"service":"web","status":"ok"}\n' }],
  ]);
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?');
    const resource = resources.get(path);
    if (resource === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such page\n');
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      response.writeHead(200, { 'content-type': resource.type, 'content-length': Buffer.byteLength(resource.body) });
      response.end(resource.body);
    }
  };
}

// `npm run build` puts assets/ beside the compiled modules.
function asset(name: string): Promise<string> {
  return readFile(new URL(`./assets/${name}`, import.meta.url), 'utf8');
}
