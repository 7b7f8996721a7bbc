import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page } from '../src/page.js';

test('the first line is the title', () => assert.match(page('# Home\n'), /<title>Home<\/title>/));
test('text becomes paragraphs', () => assert.match(page('# A\n\nIt is *here*.\n'), /<p>It is <em>here<\/em>.<\/p>/));
test('a link leads somewhere', () => assert.match(page('# A\n\n[b](b.html)\n'), /<a href="b.html">b<\/a>/));
