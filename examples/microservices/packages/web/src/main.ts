// The web process: serves the shop's page on PORT (8080) until it is told to stop.

import { serve, settings, untilSignal } from '@demo/shared';
import { createSite } from './site.js';

const serving = await serve(await createSite(), settings(process.env, 8080));
console.log(`web listens on ${serving.port}`);
console.log(`web stops on ${await untilSignal()}`);
await serving.close();
