import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address, say } from '../src/quote.js';

test('a form becomes an address', () => {
  assert.equal(address({ kg: '2', km: '100.5' }), '/quote?kg=2&km=100.5');
});

test('a field that is no number is named', () => {
  assert.throws(() => address({ kg: 'two', km: '1' }), new RangeError('kg: a number above 0 is needed'));
  assert.throws(() => address({ kg: '2', km: '0' }), new RangeError('km: a number above 0 is needed'));
});

test('a quote is said in words', () => {
  assert.equal(say({ kg: 2, km: 100, cents: 1205 }), '2 kg over 100 km: 12.05 EUR');
  assert.equal(say({ kg: '<2>', km: 1, cents: 5 }), '&lt;2&gt; kg over 1 km: 0.05 EUR');
});
