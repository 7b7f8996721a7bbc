// What stands on the shelf.

const books = [
  { id: 1, title: 'Ficciones', author: 'Jorge Luis Borges', pages: 174 },
  { id: 2, title: 'Zeno\'s Conscience', author: 'Italo Svevo', pages: 437 },
  { id: 3, title: 'Snow <Country>', author: 'Yasunari Kawabata', pages: 175 },
];

/** The books whose title or author has this text, whatever its case; all of them without one. */
export function find(text = '') {
  const wanted = text.toLowerCase();
  return books.filter(({ title, author }) => `${title}\n${author}`.toLowerCase().includes(wanted));
}
