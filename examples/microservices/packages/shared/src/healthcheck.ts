// A program: exits with 0 if this container's service answers GET /health, with 1 if not.
// The port is PORT, or else the first argument. Images need no curl for it.

const port = process.env.PORT || process.argv[2];
try {
  const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(3000) });
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  console.error(`no answer on port ${port}: ${error}`);
  process.exitCode = 1;
}

export {};
