// Whether this server answers. The api has a health of its own.
export function GET() {
  return Response.json({ status: 'ok' });
}
