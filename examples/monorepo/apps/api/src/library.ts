// Documents by their slug.

import { type Document, type Summary, matches, summaryOf } from '@demo/shared';

export class Library {
  readonly #documents = new Map<string, Summary & Document>();

  constructor(documents: Document[]) {
    for (const document of documents) {
      const summary = summaryOf(document);
      if (this.#documents.has(summary.slug)) throw new Error(`two documents are ${summary.slug}`);
      this.#documents.set(summary.slug, { ...summary, ...document });
    }
  }

  get size(): number {
    return this.#documents.size;
  }

  find(slug: string): (Summary & Document) | undefined {
    return this.#documents.get(slug);
  }

  /** By title, those that match. */
  list(query: string): Summary[] {
    const summaries = [...this.#documents.values()].map(({ slug, title, minutes }) => ({ slug, title, minutes }));
    return summaries.filter((summary) => matches(summary, query)).sort((a, b) => a.title.localeCompare(b.title));
  }
}
