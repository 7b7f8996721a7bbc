// The pages of the handbook: Markdown files of a directory, rendered once.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { marked } from 'marked';

export interface Page {
  readonly title: string;
  readonly html: string;
}

// A page without a heading has no title: `file` names it in the error.
export function renderPage(markdown: string, file: string): Page {
  const title = /^# (.+)$/m.exec(markdown)?.[1];
  if (title === undefined) {
    throw new Error(`${file}: a line "# title" is needed`);
  }
  const body = marked.parse(markdown, { async: false });
  const html = [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<title>${escape(title)}</title>`,
    '<link rel="stylesheet" href="/assets/style.css"><script defer src="/assets/search.js"></script>',
    `</head><body><main>${body}</main></body></html>`,
  ].join('\n');
  return { title, html };
}

// All pages by their paths: `index.md` is `/`, `setup.md` is `/setup`.
export async function readPages(directory: string): Promise<ReadonlyMap<string, Page>> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.md')).sort();
  const pages = new Map<string, Page>();
  for (const file of files) {
    const name = file.slice(0, -'.md'.length);
    const page = renderPage(await readFile(join(directory, file), 'utf8'), file);
    pages.set(name === 'index' ? '/' : `/${name}`, page);
  }
  return pages;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
