import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claim } from './postgres/owner.ts';
import { forgetRunning, lastWorld } from './running.ts';

/** The folder of a world, taken by this process. */
export interface Folder {
  /** Where a part of the world keeps its files. */
  of(part: string): string;
  /** True where the world begins anew: what its parts keep elsewhere has to be thrown away as well. */
  begunAnew: boolean;
  /** To be called once everything was thrown away: from here on there is something to find again. */
  markBegun(): void;
  /** Lets another process have it. */
  release(): void;
}

/** Takes a world's folder; throws one sentence where another process has it or it cannot be written. */
export function takeFolder(directory: string, fresh: boolean): Folder {
  const of = (part: string) => join(directory, part);
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
  } catch (cause) {
    throw new Error(`${directory} cannot be written. Use another LOCAL_DIR.`, { cause });
  }
  const release = claim(directory, ({ pid }) => {
    const where = lastWorld(directory)?.service_url ?? 'it is still starting';
    return (
      `A world is already running in ${directory} (process ${pid}): ${where}\n` +
      'Stop it first, or start a second one beside it: PORT=8081 LOCAL_DIR=.local2 npm start'
    );
  });
  // Beginning anew is several deletions. Killed in between, the next start goes on with them.
  const mark = of('begin-anew');
  if (fresh) writeFileSync(mark, '');
  const begunAnew = existsSync(mark);
  if (begunAnew) {
    forgetRunning(directory);
    for (const name of ['stripe', 'issuer', 'secrets.json'])
      rmSync(of(name), { recursive: true, force: true });
  }
  for (const name of ['stripe', 'issuer']) mkdirSync(of(name), { recursive: true });
  return { of, begunAnew, markBegun: () => rmSync(mark, { force: true }), release };
}
