// The api process: answers on PORT (3001) until it is told to stop.

import { serve, settings, untilSignal } from '@demo/shared';
import { createApp } from './app.js';
import { OrderStore } from './store.js';

const serving = await serve(createApp(new OrderStore()), settings(process.env, 3001));
console.log(`api listens on ${serving.port}`);
console.log(`api stops on ${await untilSignal()}`);
await serving.close();
