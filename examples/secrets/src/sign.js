// Signs the sources: `node src/sign.js KEY_FILE DIRECTORY MANIFEST`.

import { readFileSync, writeFileSync } from 'node:fs';

import { make } from './manifest.js';

const [key, directory, manifest] = process.argv.slice(2);
writeFileSync(manifest, `${JSON.stringify(make(directory, readFileSync(key)), null, 2)}\n`);
