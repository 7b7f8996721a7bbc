// What the service answers: who it is, and for how long.
import ms from 'ms';

const LEVELS = ['error', 'warn', 'info', 'debug'];

export function status({ version, started, now }) {
  return { version, up: ms(now - started, { long: true }) };
}

// Whether a message of a level goes to the log.
export function isLogged(level, wanted) {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(wanted);
}
