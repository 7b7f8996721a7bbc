// Assets that were minified and compressed when the image was built: nothing is compressed while serving.

import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

// In the order in which they are preferred.
const ENCODINGS = [['br', '.br'], ['gzip', '.gz']] as const;

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

export interface Asset {
  readonly type: string;
  // The bytes by encoding; those under `identity` are always there.
  readonly bodies: ReadonlyMap<string, Buffer>;
}

// All assets of a directory by their paths, as in `/assets/style.css`.
export async function readAssets(directory: string): Promise<ReadonlyMap<string, Asset>> {
  const names = await readdir(directory);
  const assets = new Map<string, Asset>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const bodies = new Map([['identity', await readFile(join(directory, name))]]);
    for (const [encoding, suffix] of ENCODINGS) {
      if (names.includes(name + suffix)) {
        bodies.set(encoding, await readFile(join(directory, name + suffix)));
      }
    }
    assets.set(`/assets/${name}`, { type, bodies });
  }
  return assets;
}

// The encoding to answer with: the best that is there and that the client takes.
export function chooseEncoding(asset: Asset, accepted: string | undefined): string {
  const taken = new Set<string>();
  for (const part of (accepted ?? '').split(',')) {
    const [name = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase());
    if (!parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) {
      taken.add(name);
    }
  }
  const best = ENCODINGS.find(([name]) => taken.has(name) && asset.bodies.has(name));
  return best?.[0] ?? 'identity';
}
