/** The port that a variable names; without one, the other. Anything else is an error: no service on a port by accident. */
export function portOf(value: string | undefined, otherwise: number): number {
  if (!value) return otherwise;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`PORT is ${JSON.stringify(value)}, which is no port`);
  }
  return port;
}
