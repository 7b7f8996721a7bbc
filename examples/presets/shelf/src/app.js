// What the shelf answers: JSON for programs, a list for people.

import escape from 'escape-html';
import { find } from './books.js';

/** The answer to a path with its query: status, type and body. */
export function answer(url) {
  const { pathname, searchParams } = new URL(url, 'http://shelf');
  const books = find(searchParams.get('q') ?? '');
  switch (pathname) {
    case '/health':
      return { status: 200, type: 'text/plain', body: 'well\n' };
    case '/books':
      return { status: 200, type: 'application/json', body: JSON.stringify(books) };
    case '/': {
      const items = books.map(({ title, author }) => `<li>${escape(title)}, ${escape(author)}</li>`);
      return { status: 200, type: 'text/html; charset=utf-8', body: `<ul>${items.join('')}</ul>\n` };
    }
    default:
      return { status: 404, type: 'text/plain', body: 'there is no such page\n' };
  }
}
