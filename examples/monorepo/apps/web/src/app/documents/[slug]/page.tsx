import { notFound } from 'next/navigation';
import { document } from '../../../api';

export default async function Page({ params }: { params: Promise<{ slug: string }> }) {
  const found = await document((await params).slug);
  if (!found) notFound();
  return (
    <main>
      <h1>{found.title}</h1>
      <p>{found.text}</p>
    </main>
  );
}
