import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';

/** The system account that PostgreSQL runs as. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** Accounts that every Unix has and nobody signs in with, in order of preference. None is ever created. */
const UNPRIVILEGED = ['nobody', 'daemon', 'bin'];

function readAccounts(): Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 && gid > 0);
}

/** Asks the kernel itself: only it knows of access lists, namespaces and mounts. */
function succeedsAs(account: Account, script: string, argument = ''): boolean {
  const { status } = spawnSync('/bin/sh', ['-c', script, 'sh', argument], {
    uid: account.uid,
    gid: account.gid,
    cwd: '/',
    stdio: 'ignore',
  });
  return status === 0;
}

/**
 * Who PostgreSQL runs as, given the folder of an existing cluster if there is one. Undefined means: as ourselves.
 *
 * PostgreSQL refuses to run as root, so root hands it to the owner of the cluster or to an unprivileged account.
 */
export function chooseAccount(clusterDirectory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readAccounts();
  if (existsSync(clusterDirectory)) {
    const { uid, gid } = statSync(clusterDirectory);
    if (uid !== 0)
      return accounts.find((account) => account.uid === uid) ?? { name: `user ${uid}`, uid, gid };
  }
  for (const name of UNPRIVILEGED) {
    const account = accounts.find((candidate) => candidate.name === name);
    if (account !== undefined && succeedsAs(account, ':')) return account;
  }
  throw new Error(
    `PostgreSQL does not run as root, and none of the accounts ${UNPRIVILEGED.join(', ')} can be used instead. Start as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.`,
  );
}

/** Whether the account can reach and enter or run what lies at that path. We ourselves always can. */
export function canReach(account: Account | undefined, path: string): boolean {
  return account === undefined || succeedsAs(account, 'test -x "$1"', path);
}
