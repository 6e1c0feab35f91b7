import { createHash } from 'node:crypto';
import { access, constants, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Account, canReach } from './account.ts';

/**
 * Makes (or finds again) a folder of that name below a temporary folder that the account can enter.
 *
 * Anybody may put things into /tmp: a folder there is only trusted when it is ours and no link.
 */
export async function reachableTemporaryFolder(account: Account, name: string): Promise<string> {
  for (const parent of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    if (!canReach(account, parent)) continue;
    const folder = join(parent, name);
    await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) {
      throw new Error(`${folder} belongs to somebody else; remove it, or start with another TMPDIR.`);
    }
    if (canReach(account, folder)) return folder;
  }
  throw new Error(`No temporary folder that ${account.name}, who runs PostgreSQL, can enter.`);
}

/** What root made (or another user) an ordinary user can neither read nor run; said here once, and not as an EACCES from deep within. */
async function checkOurs(directory: string): Promise<void> {
  const self = process.getuid?.();
  if (self === undefined || self === 0) return;
  const owner = await stat(join(directory, 'cluster')).then(
    ({ uid }) => uid,
    () => self,
  );
  const writable = await access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (owner !== self || !writable) {
    throw new Error(
      `${directory} was made by another user. Start as that user, remove it, or use another LOCAL_DIR.`,
    );
  }
}

/**
 * The folder that PostgreSQL's files are kept in: the one asked for, or, where the account that runs PostgreSQL
 * cannot enter it, one in the system's temporary folder that is always the same for the one asked for.
 */
export async function settleDirectory(
  account: Account | undefined,
  wanted: string,
  onProgress: (sentence: string) => void,
): Promise<string> {
  await mkdir(resolve(wanted), { recursive: true });
  const asked = await realpath(wanted);
  await checkOurs(asked);
  if (account === undefined || canReach(account, asked)) return asked;
  const key = createHash('sha256').update(asked).digest('hex').slice(0, 16);
  const folder = await reachableTemporaryFolder(account, `payments-data-${key}`);
  onProgress(
    `PostgreSQL's data is kept in ${folder}, because ${account.name}, who runs it, cannot enter ${asked}.`,
  );
  return folder;
}
