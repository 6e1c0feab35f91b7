import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { commandLine, identify, isRunning, type ProcessIdentity } from './processes.ts';

const POLL_ms = 25;
const CLEAN_STOP_ms = 20_000;
const IMMEDIATE_STOP_ms = 5_000;

/** What PostgreSQL writes about itself into its cluster: the number of its process, and whether it takes connections. */
export interface PidFile {
  pid: number;
  ready: boolean;
}

/** Reads `postmaster.pid` (PostgreSQL's src/include/utils/pidfile.h): line 1 the process, line 8 the status. */
export function readPidFile(cluster: string): PidFile | undefined {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
  } catch {
    return undefined;
  }
}

function isServerOf(cluster: string, pid: number): boolean {
  return `${commandLine(pid) ?? ''} `.includes(`postgres -D ${cluster} `);
}

async function gone(server: ProcessIdentity, timeout_ms: number): Promise<boolean> {
  const deadline = Date.now() + timeout_ms;
  while (isRunning(server)) {
    if (Date.now() > deadline) return false;
    await delay(POLL_ms);
  }
  return true;
}

/**
 * Stops a server as its documentation says: fast (connections are closed, everything written), and if that takes
 * too long, immediate (the next start recovers from the log). Nothing committed is lost either way.
 *
 * @throws when it does not even stop immediately
 */
export async function stopServer(server: ProcessIdentity): Promise<void> {
  for (const [signal, timeout_ms] of [
    ['SIGINT', CLEAN_STOP_ms],
    ['SIGQUIT', IMMEDIATE_STOP_ms],
    ['SIGKILL', IMMEDIATE_STOP_ms],
  ] as const) {
    try {
      if (isRunning(server)) process.kill(server.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    if (await gone(server, timeout_ms)) return;
  }
  throw new Error(`PostgreSQL (process ${server.pid}) does not stop.`);
}

/**
 * Leaves the cluster without a server: one that outlived whoever started it is stopped cleanly.
 *
 * The number in a stale file may have been given to another process since, or its process may have ended without
 * having been collected (a container whose first process does not do that). PostgreSQL would take both for a running
 * server and refuse to start. It does not count its own parent, so the number is replaced by ours; the rest of the file
 * stays, because by it PostgreSQL notices children of a killed server that are still at work.
 */
export async function clearOrphan(cluster: string, onProgress: (sentence: string) => void): Promise<void> {
  const file = readPidFile(cluster);
  if (file === undefined) return;
  const found = identify(file.pid);
  if (found !== undefined && isServerOf(cluster, found.pid)) {
    onProgress(`A PostgreSQL that an earlier start left running (process ${found.pid}) is being stopped.`);
    await stopServer(found);
    return;
  }
  const path = join(cluster, 'postmaster.pid');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^\d+/, String(process.pid)));
}
