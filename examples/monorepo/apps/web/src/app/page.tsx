import { documents } from '../api';
import { Search } from './search';

export default async function Home() {
  return (
    <main>
      <h1>Documents</h1>
      <Search documents={await documents()} />
    </main>
  );
}
