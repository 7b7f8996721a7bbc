import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ConfigError, parseConfig } from '../dist/config.js';

for (const environment of ['development', 'staging', 'production']) {
  test(`the configuration of ${environment} is right`, () => {
    const config = parseConfig(readFileSync(`config/${environment}.yaml`, 'utf8'));
    assert.equal(config.environment, environment);
    assert.equal(config.showErrors, environment !== 'production');
  });
}

test('a key at fault is named', () => {
  const refused = (text, message) => assert.throws(() => parseConfig(text), new ConfigError(message));
  refused('[]', 'a map is needed');
  refused('environment: dev', 'environment: one of development, staging, production is needed');
  refused('environment: staging\ngreeting: hello', 'greeting: a text with {name} is needed');
  refused('greetings: hello', 'greetings: no such key; there are environment, greeting, showErrors');
});
