// The smallest service: prints its port, serves, and ends when told to.

import { sendJson, serve, untilSignal } from '@demo/shared';

const serving = await serve((_request, response) => sendJson(response, 200, {}), { host: '127.0.0.1', port: 0 });
console.log(serving.port);
await untilSignal();
await serving.close();
