// The documents. They are a part of the program, so all replicas have the same.

import type { Document } from '@demo/shared';

export const DOCUMENTS: Document[] = [
  { title: 'Getting started', text: 'Install the workspace once, and start both apps.' },
  { title: 'Release notes', text: `Each release says what it changes. ${'It was tested, too. '.repeat(90)}` },
  { title: 'Writing a document', text: `A document has a title and a text. ${'Keep it short. '.repeat(250)}` },
];
