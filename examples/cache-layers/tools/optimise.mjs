// optimise FROM TO: every .js and .css of a directory minified, with a .br and a .gz beside each.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { transform } from 'esbuild';

const [from, to] = process.argv.slice(2);
if (to === undefined) {
  console.error('usage: optimise.mjs FROM TO');
  process.exit(2);
}
await rm(to, { recursive: true, force: true });
await mkdir(to, { recursive: true });

for (const name of (await readdir(from)).sort()) {
  const loader = extname(name).slice(1);
  if (loader !== 'js' && loader !== 'css') continue;
  const source = await readFile(join(from, name), 'utf8');
  const { code } = await transform(source, { loader, minify: true, sourcefile: name });
  const brotli = brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  const gzip = gzipSync(code, { level: 9 });
  await writeFile(join(to, name), code);
  await writeFile(join(to, `${name}.br`), brotli);
  await writeFile(join(to, `${name}.gz`), gzip);
  console.log(`${name}: ${source.length} -> ${code.length}, ${gzip.length} as gzip, ${brotli.length} as brotli`);
}
