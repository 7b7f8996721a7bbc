import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { make, wrong } from '../src/manifest.js';

const pair = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return [privatePem, publicKey.export({ type: 'spki', format: 'pem' })];
};

const directory = (t) => {
  const path = mkdtempSync(join(tmpdir(), 'release-'));
  t.after(() => rmSync(path, { recursive: true }));
  writeFileSync(join(path, 'a.js'), 'one');
  writeFileSync(join(path, 'b.js'), 'two');
  return path;
};

test('a release is what was signed', (t) => {
  const [key, publicKey] = pair();
  const path = directory(t);
  assert.equal(wrong(path, make(path, key), publicKey), undefined);
});

test('a file that was changed or added is named', (t) => {
  const [key, publicKey] = pair();
  const path = directory(t);
  const manifest = make(path, key);
  writeFileSync(join(path, 'b.js'), 'other');
  writeFileSync(join(path, 'c.js'), 'new');
  assert.match(wrong(path, manifest, publicKey), /b\.js, c\.js/);
});

test("somebody else's signature is refused", (t) => {
  const [key] = pair();
  const [, publicKey] = pair();
  const path = directory(t);
  assert.match(wrong(path, make(path, key), publicKey), /not signed with the release key/);
});
