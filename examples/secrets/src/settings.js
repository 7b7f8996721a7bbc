// What a container is told when it starts, not what an image was told when it was built.

import { readFileSync } from 'node:fs';

/** The settings; a password is in a file that only this process reads. */
export function settings(env = process.env) {
  const file = env.LEDGER_PASSWORD_FILE ?? '/run/secrets/ledger_password';
  let password;
  try {
    password = readFileSync(file, 'utf8').trimEnd();
  } catch {
    throw new Error(`no password in ${file}: mount a secret there, or name its file in LEDGER_PASSWORD_FILE`);
  }
  if (password === '') {
    throw new Error(`the password in ${file} is empty`);
  }
  return { port: Number(env.PORT ?? 8080), password };
}
