// A program: exits with 0 if the api in this container answers well, with 1 if not.

import { portOf } from '@demo/shared';

const url = `http://127.0.0.1:${portOf(process.env.PORT, 3001)}/api/health`;
try {
  const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(3000) });
  if (!ok) throw new Error(`status ${status}`);
} catch (error) {
  console.error(`${url}: ${error}`);
  process.exitCode = 1;
}
