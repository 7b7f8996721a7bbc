// What a release consists of: the SHA-256 of every file, signed with Ed25519.

import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import stringify from 'json-stable-stringify';

/** The sums of all files of a directory, by their paths in it. */
export function sums(directory) {
  const names = readdirSync(directory, { recursive: true }).sort();
  const files = names.filter((name) => statSync(join(directory, name)).isFile());
  const sum = (name) => createHash('sha256').update(readFileSync(join(directory, name))).digest('hex');
  return Object.fromEntries(files.map((name) => [name, sum(name)]));
}

/** A manifest of a directory, signed with a key in PEM. */
export function make(directory, key) {
  const files = sums(directory);
  const signature = sign(null, Buffer.from(stringify(files)), createPrivateKey(key)).toString('base64');
  return { files, signature };
}

/** Why a directory is not what a manifest says, or nothing. */
export function wrong(directory, manifest, key) {
  const signed = Buffer.from(stringify(manifest.files));
  if (!verify(null, signed, createPublicKey(key), Buffer.from(manifest.signature, 'base64'))) {
    return 'the manifest was not signed with the release key';
  }
  const found = sums(directory);
  const names = new Set([...Object.keys(found), ...Object.keys(manifest.files)]);
  const other = [...names].filter((name) => found[name] !== manifest.files[name]);
  return other.length === 0 ? undefined : `not as they were signed: ${other.join(', ')}`;
}
