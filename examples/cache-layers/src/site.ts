// The routes: pages, assets, and GET /health.

import type { RequestListener } from 'node:http';
import { chooseEncoding, readAssets } from './assets.js';
import { readPages } from './pages.js';

// Reads everything once: the files do not change while the process runs.
export async function createSite(pagesDirectory: string, assetsDirectory: string): Promise<RequestListener> {
  const pages = await readPages(pagesDirectory);
  const assets = await readAssets(assetsDirectory);
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const asset = assets.get(path);
    if (asset !== undefined) {
      const encoding = chooseEncoding(asset, request.headers['accept-encoding']);
      const headers: Record<string, string> = { 'content-type': asset.type, vary: 'accept-encoding' };
      if (encoding !== 'identity') headers['content-encoding'] = encoding;
      response.writeHead(200, headers).end(asset.bodies.get(encoding));
      return;
    }
    const page = pages.get(path);
    if (page !== undefined) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page.html);
    } else if (path === '/health') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(`{"pages":${pages.size}}\n`);
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such page\n');
    }
  };
}
