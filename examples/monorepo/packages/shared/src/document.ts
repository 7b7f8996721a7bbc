// What the api tells of documents, and the page shows.

/** A document as it is written. */
export interface Document {
  title: string;
  text: string;
}

/** A document in a list. */
export interface Summary {
  /** Its part of a URL. */
  slug: string;
  title: string;
  /** How long it takes to read, at least 1. */
  minutes: number;
}

const WORDS_PER_MINUTE = 200;

/** Lower case, digits and single hyphens. */
export function slugOf(title: string): string {
  const plain = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}

export function summaryOf({ title, text }: Document): Summary {
  const words = text.split(/\s+/).filter(Boolean).length;
  return { slug: slugOf(title), title, minutes: Math.max(1, Math.round(words / WORDS_PER_MINUTE)) };
}

/** Whether each word of a query begins a word of the title. */
export function matches({ slug }: Summary, query: string): boolean {
  const words = slug.split('-');
  const asked = slugOf(query).split('-');
  return asked.every((start) => words.some((word) => word.startsWith(start)));
}
