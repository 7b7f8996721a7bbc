// JSON in and out of HTTP messages.

import type { IncomingMessage, ServerResponse } from 'node:http';

// A request body that cannot be read; `status` is the answer it earns.
export class BodyError extends Error {
  override name = 'BodyError';
  constructor(readonly status: 400 | 413, message: string) {
    super(message);
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

// Reads at most `limit` bytes.
export async function readJson(request: IncomingMessage, limit = 64 * 1024): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limit) {
      chunks.push(chunk);
    }
  }
  // The rest of a large body is read and dropped: a client still writing would not see the answer.
  if (size > limit) {
    throw new BodyError(413, `body: at most ${limit} bytes are taken`);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new BodyError(400, 'body: not JSON');
  }
}
