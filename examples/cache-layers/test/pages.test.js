import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPages, renderPage } from '../dist/pages.js';

test('a page has the title of its first heading', () => {
  const page = renderPage('# Ports & hosts\n\nThe *port* is 8080.\n', 'ports.md');
  assert.equal(page.title, 'Ports & hosts');
  assert.match(page.html, /<title>Ports &#38; hosts<\/title>/);
  assert.match(page.html, /The <em>port<\/em> is 8080\./);
});

test('a page without a heading is refused by its name', () => {
  assert.throws(() => renderPage('no heading\n', 'lost.md'), /lost\.md: a line "# title" is needed/);
});

test('every page of the handbook renders', async () => {
  const pages = await readPages('pages');
  assert.deepEqual([...pages.keys()], ['/', '/setup']);
});
