// A page of HTML, of a text in Markdown whose first line is its title.

import { marked } from 'marked';

export function page(markdown) {
  const title = markdown.split('\n', 1)[0].replace(/^#\s*/, '');
  return `<!doctype html>\n<html lang="en">\n<title>${title}</title>\n${marked.parse(markdown)}</html>\n`;
}
