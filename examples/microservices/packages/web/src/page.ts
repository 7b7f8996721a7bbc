// The shop's one page: a price list.

import { formatMoney, type Good } from '@demo/shared';
import mustache from 'mustache';

// Every value is escaped by the template.
export function renderPage(template: string, goods: Iterable<Good>): string {
  const rows = [...goods].map(({ sku, name, cents }) => ({ sku, name, price: formatMoney(cents) }));
  return mustache.render(template, { title: 'The shop', rows, any: rows.length > 0 });
}
