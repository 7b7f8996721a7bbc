// What the pages ask of the api, on the server's side.

import type { Document, Summary } from '@demo/shared';

/** Asks for JSON; nothing when the api does not know it. */
async function ask<T>(path: string): Promise<T | undefined> {
  const base = process.env.API_URL ?? 'http://127.0.0.1:3001';
  const answer = await fetch(new URL(`/api/${path}`, base), { cache: 'no-store', signal: AbortSignal.timeout(3000) });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`the api says ${answer.status} to ${path}`);
  return (await answer.json()) as T;
}

export async function documents(): Promise<Summary[]> {
  return (await ask<Summary[]>('documents')) ?? [];
}

export function document(slug: string): Promise<(Summary & Document) | undefined> {
  return ask(`documents/${encodeURIComponent(slug)}`);
}
