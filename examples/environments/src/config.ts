// The configuration: one YAML file for each environment. A file that parsed can be used.

import { parse } from 'yaml';

export interface Config {
  readonly environment: 'development' | 'staging' | 'production';
  readonly greeting: string;
  // Whether an error's stack goes to the client.
  readonly showErrors: boolean;
}

// Names the key at fault.
export class ConfigError extends Error {
  override name = 'ConfigError';
}

const KEYS = ['environment', 'greeting', 'showErrors'];
const ENVIRONMENTS = ['development', 'staging', 'production'];

export function parseConfig(text: string): Config {
  const value: unknown = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError('a map is needed');
  }
  const { environment, greeting, showErrors } = value as Record<string, unknown>;
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    throw new ConfigError(`${unknown}: no such key; there are ${KEYS.join(', ')}`);
  }
  if (typeof environment !== 'string' || !ENVIRONMENTS.includes(environment)) {
    throw new ConfigError(`environment: one of ${ENVIRONMENTS.join(', ')} is needed`);
  }
  if (typeof greeting !== 'string' || !greeting.includes('{name}')) {
    throw new ConfigError('greeting: a text with {name} is needed');
  }
  if (typeof showErrors !== 'boolean') {
    throw new ConfigError('showErrors: true or false is needed');
  }
  return { environment: environment as Config['environment'], greeting, showErrors };
}
