import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greeting } from '../src/greeting.js';

test('a name is greeted', () => assert.equal(greeting('Ada'), '<p>Node greets Ada</p>\n'));
test('nobody is greeted, too', () => assert.equal(greeting(null), '<p>Node greets you</p>\n'));
test('a name is text', () => assert.equal(greeting('<b>'), '<p>Node greets &lt;b&gt;</p>\n'));
