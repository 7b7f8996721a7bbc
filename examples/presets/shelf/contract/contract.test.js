// What others were promised: a version that they can live with, and the fields of a book.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import semver from 'semver';
import { answer } from '../src/app.js';

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const contract = read('contract.json');

test('the version keeps the contract', () => {
  const { version } = read('../package.json');
  assert.ok(semver.satisfies(version, contract.version), `${version} is not ${contract.version}`);
});

test('every book has its fields', () => {
  for (const book of JSON.parse(answer('/books').body)) {
    for (const [field, type] of Object.entries(contract.book)) assert.equal(typeof book[field], type, field);
  }
});
