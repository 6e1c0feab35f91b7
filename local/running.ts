import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isRunning, type ProcessIdentity } from './postgres/processes.ts';

/** What a running world tells the other commands: where everything is. Kept in its folder, readable by its owner only. */
export interface RunningWorld {
  /** The process of `npm start`. */
  starter: ProcessIdentity;
  /** The service's process. */
  service: ProcessIdentity;
  service_url: string;
  issuer_url: string;
  /** What the local issuer's control endpoint wants. */
  issuer_control_secret: string;
  stripe_url: string;
  /** The environment that the service runs with. */
  env: Record<string, string>;
}

/** Where the world's data lives: `LOCAL_DIR`, or `.local` in the current folder. */
export function localDirectory(): string {
  return resolve(process.env.LOCAL_DIR || '.local');
}

const fileOf = (directory: string) => join(directory, 'running.json');

/** The world that was brought up last in this folder and did not forget it: it runs, or it was killed. */
export function lastWorld(directory: string): RunningWorld | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(directory), 'utf8')) as RunningWorld;
  } catch {
    return undefined;
  }
}

/** The world that runs in this folder, or undefined where none does (also after everything was killed). */
export function findRunning(directory: string): RunningWorld | undefined {
  const world = lastWorld(directory);
  return world !== undefined && isRunning(world.starter) ? world : undefined;
}

export function writeRunning(directory: string, world: RunningWorld): void {
  writePrivately(fileOf(directory), world);
}

export function forgetRunning(directory: string): void {
  rmSync(fileOf(directory), { force: true });
}

/** Writes JSON that only the owner may read, at once: after a kill -9 the old file is there or the new one. */
export function writePrivately(file: string, content: object): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}
