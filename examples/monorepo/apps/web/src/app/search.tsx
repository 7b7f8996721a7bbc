'use client';

import { type Summary, matches } from '@demo/shared';
import Link from 'next/link';
import { useState } from 'react';

/** The documents that match what is typed: judged in the browser as the api would. */
export function Search({ documents }: { documents: Summary[] }) {
  const [query, setQuery] = useState('');
  return (
    <>
      <input aria-label="Search" value={query} onChange={(event) => setQuery(event.target.value)} />
      <ul>
        {documents
          .filter((summary) => matches(summary, query))
          .map(({ slug, title, minutes }) => (
            <li key={slug}>
              <Link href={`/documents/${slug}`}>{title}</Link> {`(${minutes} min)`}
            </li>
          ))}
      </ul>
    </>
  );
}
