// The health of a container: both of its processes answer. Exits with 1 unless they do.

const limit = { signal: AbortSignal.timeout(5000) };
const urls = [`http://127.0.0.1:${process.env.PORT ?? 3000}/health`, 'http://127.0.0.1:9100/metrics'];
const answers = await Promise.all(urls.map((url) => fetch(url, limit).catch((error) => ({ statusText: error.message }))));
for (const [at, { ok, statusText }] of answers.entries()) {
  if (!ok) console.error(`${urls[at]}: ${statusText}`);
}
process.exit(answers.every(({ ok }) => ok) ? 0 : 1);
