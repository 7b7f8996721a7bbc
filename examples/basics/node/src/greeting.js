// What a visitor is told.

import escape from 'escape-html';

export function greeting(name) {
  return `<p>Node greets ${escape(name || 'you')}</p>\n`;
}
