// Entries of an account, for who knows the password.

import { timingSafeEqual, createHash } from 'node:crypto';

const sum = (text) => createHash('sha256').update(text).digest();

/** A ledger; `authorization` is the header of a request. */
export function ledger(password) {
  const entries = [];
  const expected = sum(`Bearer ${password}`);
  return {
    knows: (authorization = '') => timingSafeEqual(sum(authorization), expected),
    add(text) {
      const amount = Number(text);
      if (text === '' || !Number.isFinite(amount)) {
        throw new RangeError('an entry is a number');
      }
      entries.push(amount);
      return { entries: entries.length, balance: entries.reduce((all, one) => all + one, 0) };
    },
  };
}
