import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OrderStore } from '../dist/store.js';

test('a full store forgets its oldest order', () => {
  const store = new OrderStore(2);
  const [first, second, third] = ['a', 'b', 'c'].map((customer) =>
    store.add({ customer, lines: [{ sku: 'nail', quantity: 1 }] }),
  );
  assert.equal(store.size, 2);
  assert.equal(store.get(first.id), undefined);
  assert.equal(store.get(second.id), second);
  assert.equal(store.get(third.id), third);
});
