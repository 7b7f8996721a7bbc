// node src/build.js FROM TO: a page of each text.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { page } from './page.js';

const [from, to] = process.argv.slice(2);
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from)) {
  writeFileSync(`${to}/${name.replace(/\.md$/, '.html')}`, page(readFileSync(`${from}/${name}`, 'utf8')));
}
