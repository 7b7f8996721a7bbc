import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMoney, OrderError, orderTotal, parseOrder } from '@demo/shared';

test('an order is read and priced', () => {
  const order = parseOrder({ customer: ' Ada ', lines: [{ sku: 'lamp', quantity: 2 }, { sku: 'nail', quantity: 7 }] });
  assert.equal(order.customer, 'Ada');
  assert.equal(orderTotal(order), 2 * 3400 + 7 * 5);
});

test('what is wrong with an order is named', () => {
  const check = (order, message) => assert.throws(() => parseOrder(order), new OrderError(message));
  check(null, 'order: an object is needed');
  check([], 'order: an object is needed');
  check({ customer: ' ', lines: [] }, 'customer: a name is needed');
  check({ customer: 'Ada', lines: [] }, 'lines: at least one line is needed');
  check({ customer: 'Ada', lines: [7] }, 'lines[0]: an object is needed');
  const line = (sku, quantity) => ({ customer: 'Ada', lines: [{ sku: 'nail', quantity: 1 }, { sku, quantity }] });
  check(line('sofa', 1), 'lines[1].sku: one of chair, lamp, nail is needed');
  for (const quantity of [0, -1, 1.5, 1001, '1', NaN]) {
    check(line('nail', quantity), 'lines[1].quantity: a whole number from 1 to 1000 is needed');
  }
});

test('money is written for people', () => {
  const check = (cents, text) => assert.equal(formatMoney(cents), text);
  check(0, '0.00 EUR');
  check(5, '0.05 EUR');
  check(-5, '-0.05 EUR');
  check(99999, '999.99 EUR');
  check(100000, '1,000.00 EUR');
  check(123456789, '1,234,567.89 EUR');
  assert.throws(() => formatMoney(0.5), RangeError);
});
