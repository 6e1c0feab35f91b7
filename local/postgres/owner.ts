import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isRunning, type ProcessIdentity } from './processes.ts';

function readOwner(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    // Missing, or cut off by a crash while it was written: either way nobody's.
    return undefined;
  }
}

/**
 * Claims a folder for this process, so that a second start of the same world does not take the database away
 * from the first. A claim whose process is gone does not count.
 *
 * @returns gives the claim back
 * @throws when a process that still runs holds it
 */
export function claim(
  directory: string,
  complain = ({ pid }: ProcessIdentity) =>
    `The PostgreSQL in ${directory} is in use by process ${pid}. Stop that one first, or use another LOCAL_DIR.`,
): () => void {
  const file = join(directory, 'owner.json');
  const self = identify(process.pid);
  for (;;) {
    try {
      writeFileSync(file, JSON.stringify(self), { flag: 'wx', mode: 0o644 });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = readOwner(file);
    if (owner !== undefined && isRunning(owner)) throw new Error(complain(owner));
    rmSync(file, { force: true });
  }
}
