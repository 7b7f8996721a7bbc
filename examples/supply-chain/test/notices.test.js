import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page } from '../src/notices.js';

test('every notice is an item', () => {
  assert.equal(page(['a', 'b']).match(/<li>/g).length, 2);
});

test('what people write is text', () => {
  assert.ok(page(['<script>']).includes('&lt;script&gt;'));
});

test('no notice is a page, too', () => {
  assert.ok(page([]).includes('<title>Notices</title>'));
});
