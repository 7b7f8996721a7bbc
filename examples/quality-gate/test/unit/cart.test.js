import assert from 'node:assert/strict';
import test from 'node:test';

import { discount, price } from '../../src/cart.js';

test('goods add up', () => {
  assert.deepEqual(price({ apple: 3, plum: 2 }), { count: 5, discount: 0, total: 1.35 });
});

test('many cost less', () => {
  assert.equal(discount(19), 0);
  assert.deepEqual(price({ pear: 20 }), { count: 20, discount: 0.4, total: 7.6 });
  assert.equal(price({ pear: 100 }).total, 36);
});

test('what is not sold is named', () => {
  assert.throws(() => price({ apple: 1, tank: 1 }), /no such goods: tank/);
  assert.throws(() => price({}), /the cart is empty/);
});
