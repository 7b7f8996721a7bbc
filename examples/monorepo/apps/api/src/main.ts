// The api's process: answers on PORT (3001) until it is told to stop.

import { portOf } from '@demo/shared';
import { createApp } from './app';
import { DOCUMENTS } from './documents';
import { Library } from './library';

const app = createApp(new Library(DOCUMENTS));
app.listen({ port: portOf(process.env.PORT, 3001), hostname: process.env.HOST || '0.0.0.0' });
console.log(`api listens on ${app.server?.port}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await app.stop();
    console.log(`api stops on ${signal}`);
    process.exit(0);
  });
}
