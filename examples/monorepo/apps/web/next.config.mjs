import { fileURLToPath } from 'node:url';

/** @type {import('next').NextConfig} */
export default {
  // The server with just what it needs of node_modules.
  output: 'standalone',
  // Its files are below the workspace's root, as here: apps/web/server.js.
  outputFileTracingRoot: fileURLToPath(new URL('../..', import.meta.url)),
  // What the server names but never loads: what resizes images, and the compiler.
  outputFileTracingExcludes: { '*': ['node_modules/{@img,sharp,typescript}/**'] },
  images: { unoptimized: true },
  // The library comes as its sources.
  transpilePackages: ['@demo/shared'],
  poweredByHeader: false,
};
