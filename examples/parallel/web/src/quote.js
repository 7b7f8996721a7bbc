// What the page says of a quote, and what it asks for.

import mustache from 'mustache';

const TEXT = '{{kg}} kg over {{km}} km: {{price}} EUR';

/** The address that answers for a form's fields; a field that is no positive number is named. */
export function address(fields) {
  const query = new URLSearchParams();
  for (const name of ['kg', 'km']) {
    const value = Number(fields[name]);
    if (!(value > 0 && Number.isFinite(value))) {
      throw new RangeError(`${name}: a number above 0 is needed`);
    }
    query.set(name, String(value));
  }
  return `/quote?${query}`;
}

/** A quote in words, escaped for HTML. */
export function say({ kg, km, cents }) {
  return mustache.render(TEXT, { kg, km, price: (cents / 100).toFixed(2) });
}
