// A directory of jobs, one `*.json` file each. It is only read, so it can be mounted read-only: a
// job is taken once for as long as its file lies there. Whoever adds one renames it into place.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { priceJob, type Result } from './job.js';

export class Queue {
  readonly #directory: string;
  #taken = new Set<string>();
  readonly counts = { priced: 0, refused: 0 };

  constructor(directory: string) {
    this.#directory = directory;
  }

  // The results of the jobs not taken yet, in the order of their names.
  async *take(): AsyncGenerator<Result> {
    const names = await this.#names();
    this.#taken = new Set(names.filter((name) => this.#taken.has(name)));
    for (const name of names) {
      if (!this.#taken.has(name)) {
        this.#taken.add(name);
        const result = await this.#price(name);
        this.counts[result.state] += 1;
        yield result;
      }
    }
  }

  async #price(name: string): Promise<Result> {
    let text: string;
    try {
      text = await readFile(join(this.#directory, name), 'utf8');
    } catch (error) {
      return { job: name, state: 'refused', reason: `file: ${(error as NodeJS.ErrnoException).code}` };
    }
    return priceJob(name, text);
  }

  // A directory that does not exist (yet) is an empty one.
  async #names(): Promise<string[]> {
    try {
      const names = await readdir(this.#directory);
      return names.filter((name) => name.endsWith('.json')).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return [];
      }
      throw error;
    }
  }
}
