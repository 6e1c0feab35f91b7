import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** Linux counts processor time in hundredths of a second (USER_HZ). */
const TICKS_PER_S = 100;

/**
 * How much processor time programs have used, in seconds, read from /proc.
 *
 * @param programs their processes, or the folder of a PostgreSQL for all of its processes
 * @returns undefined where there is no /proc
 */
export function cpuOf<Name extends string>(
  programs: Record<Name, readonly number[] | string>,
): Record<Name, number> | undefined {
  const processes = readProcesses();
  if (processes.length === 0) return undefined;
  const used = Object.entries<readonly number[] | string>(programs).map(([name, of]) => {
    const pids = typeof of === 'string' ? familyOf(postmasterOf(of), processes) : of;
    const ticks = processes.filter(({ pid }) => pids.includes(pid)).reduce((sum, one) => sum + one.ticks, 0);
    return [name, ticks / TICKS_PER_S];
  });
  return Object.fromEntries(used) as Record<Name, number>;
}

/** How much processor time everything on this machine has used, in seconds. */
export function cpuOfAll_s(): number {
  const used_ms = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return used_ms / 1_000;
}

interface Process {
  pid: number;
  parent: number;
  /** Its own, and those of its children that have ended. */
  ticks: number;
}

function readProcesses(): Process[] {
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // proc_pid_stat(5): after the name in brackets, the fourth field and the 14th to 17th.
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const ticks = fields.slice(11, 15).reduce((sum, one) => sum + one, 0);
      return [{ pid: Number(name), parent: fields[1] ?? 0, ticks }];
    } catch {
      return [];
    }
  });
}

const familyOf = (pid: number, processes: readonly Process[]): number[] => [
  pid,
  ...processes.filter(({ parent }) => parent === pid).map((child) => child.pid),
];

const postmasterOf = (directory: string): number =>
  Number.parseInt(readFileSync(join(directory, 'cluster', 'postmaster.pid'), 'utf8'), 10);
