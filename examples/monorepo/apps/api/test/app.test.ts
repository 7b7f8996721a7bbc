import { expect, test } from 'bun:test';
import { createApp } from '../src/app';
import { DOCUMENTS } from '../src/documents';
import { Library } from '../src/library';

const app = createApp(new Library(DOCUMENTS));
const ask = (path: string) => app.handle(new Request(`http://api.invalid${path}`));

test('health says how many documents there are', async () => {
  expect(await (await ask('/api/health')).json()).toEqual({ status: 'ok', documents: 3 });
});

test('documents are listed by title, without their text', async () => {
  const listed = await (await ask('/api/documents')).json();
  expect(listed[0]).toEqual({ slug: 'getting-started', title: 'Getting started', minutes: 1 });
  expect(listed.map(({ minutes }: { minutes: number }) => minutes)).toEqual([1, 2, 4]);
});

test('a query chooses among them, and must not be endless', async () => {
  expect(await (await ask('/api/documents?q=note')).json()).toHaveLength(1);
  expect((await ask(`/api/documents?q=${'x'.repeat(81)}`)).status).toBe(422);
});

test('a document that is not there is not found', async () => {
  expect((await (await ask('/api/documents/release-notes')).json()).title).toBe('Release notes');
  const absent = await ask('/api/documents/nothing');
  expect(absent.status).toBe(404);
  expect(await absent.json()).toEqual({ error: 'there is no document nothing' });
});

test('two documents of one slug are a mistake', () => {
  expect(() => new Library([{ title: 'A b', text: '' }, { title: 'a-B', text: '' }])).toThrow('two documents are a-b');
});
