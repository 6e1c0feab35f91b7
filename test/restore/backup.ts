import { chmodSync, chownSync, statSync } from 'node:fs';
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** Makes a server hand each segment of its log to the archive: when it is full, and in any case after that long. */
export const archiving = (archive: string, timeout_s: number): Record<string, string> => ({
  archive_mode: 'on',
  // Never over what is there; a copy that was cut off is never taken for one.
  archive_command: `test ! -f ${archive}/%f && cp %p ${archive}/%f.part && mv ${archive}/%f.part ${archive}/%f`,
  archive_timeout: String(timeout_s),
});

/** What a base backup leaves out (PostgreSQL's documentation, "Backing Up the Data Directory"): all of it is of the running server. */
const LEFT_OUT = /^(postmaster\.(pid|opts)|pg_internal\.init.*|pgsql_tmp.*)$/;
const EMPTIED = /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)$/;

/** Copies a folder that is being written to: a file that has gone meanwhile is in the log. */
async function copyCluster(from: string, into: string): Promise<number> {
  await mkdir(into, { mode: 0o700 });
  let bytes = 0;
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(into, entry.name)];
    if (LEFT_OUT.test(entry.name)) continue;
    if (entry.isDirectory()) {
      if (EMPTIED.test(entry.name)) await mkdir(target, { mode: 0o700 });
      else bytes += await copyCluster(source, target);
      continue;
    }
    try {
      await copyFile(source, target);
      bytes += statSync(target).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await rm(target, { force: true });
    }
  }
  return bytes;
}

/**
 * Copies a running server's folder, as `pg_basebackup` does (which npm's PostgreSQL comes without): by the documented low-level
 * calls, on one connection from start to stop.
 *
 * @returns how much it is
 */
export async function takeBaseBackup(url: string, cluster: string, into: string): Promise<{ bytes: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`SELECT pg_backup_start('rehearsal', fast => true)`);
    const bytes = await copyCluster(cluster, into);
    const { rows } = await client.query<{ labelfile: string; spcmapfile: string }>(
      'SELECT labelfile, spcmapfile FROM pg_backup_stop()',
    );
    const [stopped] = rows;
    if (stopped === undefined) throw new Error('pg_backup_stop() has said nothing');
    // With this in place a server knows that it has to begin at the log, and where.
    await writeFile(join(into, 'backup_label'), stopped.labelfile);
    if (stopped.spcmapfile !== '') await writeFile(join(into, 'tablespace_map'), stopped.spcmapfile);
    return { bytes };
  } finally {
    await client.end();
  }
}

export interface Restoring {
  base: string;
  archive: string;
  /** A folder for `startPostgres`, which is made. */
  into: string;
  /** Of the server that was backed up. */
  password: string;
  /** Up to when; without it, to the end of the archive. */
  until?: string | undefined;
}

/** Lays a base backup out for a server. With the settings that this returns it replays the archive and then takes writes. */
export async function layOut({
  base,
  archive,
  into,
  password,
  until,
}: Restoring): Promise<Record<string, string>> {
  await mkdir(into, { mode: 0o755 });
  chmodSync(into, 0o755);
  const cluster = join(into, 'cluster');
  await copyCluster(base, cluster);
  await writeFile(join(cluster, 'recovery.signal'), '');
  await writeFile(join(into, 'password'), password, { mode: 0o600 });
  return {
    restore_command: `cp ${archive}/%f %p`,
    recovery_target_action: 'promote',
    // Ready means then that all is replayed, not that it can be looked at meanwhile.
    hot_standby: 'off',
    ...(until === undefined ? {} : { recovery_target_time: until }),
  };
}

/** Gives a folder and all in it to an account. */
export async function give(folder: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  chownSync(folder, uid, gid);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await give(path, { uid, gid });
    else chownSync(path, uid, gid);
  }
}
