// Ends with 1 unless a directory is what its manifest says: `node src/verify.js KEY_FILE DIRECTORY MANIFEST`.

import { readFileSync } from 'node:fs';

import { wrong } from './manifest.js';

const [key, directory, manifest] = process.argv.slice(2);
const reason = wrong(directory, JSON.parse(readFileSync(manifest, 'utf8')), readFileSync(key));
if (reason) {
  console.error(reason);
  process.exit(1);
}
