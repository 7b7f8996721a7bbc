// A cart: goods, how many of each, and what they cost together.

import currency from 'currency.js';

const PRICES = { apple: 0.35, pear: 0.4, plum: 0.15 };

/** What a discount takes off, in per cent. */
export function discount(count) {
  if (count >= 100) {
    return 10;
  }
  return count >= 20 ? 5 : 0;
}

/** The price of a cart such as `{ apple: 3 }`. */
export function price(cart) {
  const goods = Object.entries(cart);
  const unknown = goods.filter(([name, count]) => !(name in PRICES) || !Number.isInteger(count) || count < 1);
  if (goods.length === 0 || unknown.length > 0) {
    throw new RangeError(`no such goods: ${unknown.map(([name]) => name).join(', ') || 'the cart is empty'}`);
  }
  const count = goods.reduce((all, [, some]) => all + some, 0);
  const whole = goods.reduce((all, [name, some]) => all.add(currency(PRICES[name]).multiply(some)), currency(0));
  const off = whole.multiply(discount(count)).divide(100);
  return { count, discount: off.value, total: whole.subtract(off).value };
}
