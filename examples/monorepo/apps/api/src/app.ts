// The api: a list of documents, and each by itself.

import { Elysia, t } from 'elysia';
import type { Library } from './library';

export function createApp(library: Library) {
  return new Elysia({ prefix: '/api' })
    .get('/health', () => ({ status: 'ok', documents: library.size }))
    .get('/documents', ({ query }) => library.list(query.q ?? ''), {
      query: t.Object({ q: t.Optional(t.String({ maxLength: 80 })) }),
    })
    .get('/documents/:slug', ({ params: { slug }, status }) =>
      library.find(slug) ?? status(404, { error: `there is no document ${slug}` }),
    );
}
