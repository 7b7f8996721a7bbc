import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer } from '../src/app.js';
import { find } from '../src/books.js';

test('a book is found by its author', () => assert.deepEqual(find('svevo').map(({ id }) => id), [2]));
test('without a text all are found', () => assert.equal(find().length, 3));
test('a title is text, whatever is in it', () => assert.match(answer('/?q=snow').body, /Snow &lt;Country&gt;/));
test('there is no other page', () => assert.equal(answer('/shelves').status, 404));
