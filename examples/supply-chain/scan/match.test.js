import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults } from './match.js';

const advisory = { id: 'A-1', ecosystem: 'npm', package: 'a', affected: '<1.2.0', summary: 'leaks' };

test('a version in the range is found', () => {
  assert.equal(faults([{ ecosystem: 'npm', name: 'a', version: '1.1.9' }], [advisory]).length, 1);
});

test('a mended version is not', () => {
  assert.equal(faults([{ ecosystem: 'npm', name: 'a', version: '1.2.0' }], [advisory]).length, 0);
});

test('a package of another kind is another package', () => {
  assert.equal(faults([{ ecosystem: 'debian', name: 'a', version: '1.1.9' }], [advisory]).length, 0);
});
