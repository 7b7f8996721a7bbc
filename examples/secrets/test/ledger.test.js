import assert from 'node:assert/strict';
import test from 'node:test';

import { ledger } from '../src/ledger.js';
import { settings } from '../src/settings.js';

test('only who knows the password is let in', () => {
  const account = ledger('open sesame');
  assert.equal(account.knows('Bearer open sesame'), true);
  assert.equal(account.knows('Bearer open'), false);
  assert.equal(account.knows(undefined), false);
});

test('entries add up', () => {
  const account = ledger('x');
  account.add('10');
  assert.deepEqual(account.add('-2.5'), { entries: 2, balance: 7.5 });
  assert.throws(() => account.add('ten'), RangeError);
});

test('no password is an error that says where it is wanted', () => {
  assert.throws(() => settings({ LEDGER_PASSWORD_FILE: '/no/such/file' }), /no password in \/no\/such\/file/);
});
