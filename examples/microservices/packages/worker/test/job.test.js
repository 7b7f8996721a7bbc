import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SettingError } from '@demo/shared';
import { parseInterval } from '../dist/interval.js';
import { priceJob } from '../dist/job.js';

test('a job is priced', () => {
  const result = priceJob('a.json', '{"customer":"Ada","lines":[{"sku":"lamp","quantity":3}]}');
  assert.deepEqual(result, { job: 'a.json', state: 'priced', customer: 'Ada', total: '102.00 EUR' });
});

test('a job that cannot be priced is refused with the reason', () => {
  const refused = (text) => priceJob('a.json', text).reason;
  assert.equal(refused(''), 'order: not JSON');
  assert.equal(refused('{"lines":[]}'), 'customer: a name is needed');
});

test('an interval is read as people write it, or refused', () => {
  assert.equal(parseInterval('500ms'), 500);
  assert.equal(parseInterval('2s'), 2000);
  assert.equal(parseInterval('1 minute'), 60_000);
  for (const text of ['soon', '-2s', '1ms', '2d']) {
    assert.throws(() => parseInterval(text), SettingError);
  }
});
