// How long to wait between two looks at the queue, as people write it: "500ms", "2s", "1 minute".

import { SettingError } from '@demo/shared';
import ms from 'ms';

// In milliseconds.
export function parseInterval(text: string): number {
  // The types of `ms` know only texts written in the source, and not that it answers undefined.
  const every: number | undefined = ms(text as ms.StringValue);
  if (every === undefined || !(every >= 10 && every <= 86_400_000)) {
    throw new SettingError(`POLL: a time from 10ms to 1d is needed, not "${text}"`);
  }
  return every;
}
