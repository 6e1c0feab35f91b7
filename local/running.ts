import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** What a running world tells the other commands: where everything is. Kept in its folder, readable by its owner only. */
export interface RunningWorld {
  /** The process of `npm start`. */
  pid: number;
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
  return resolve(process.env.LOCAL_DIR ?? '.local');
}

const fileOf = (directory: string) => resolve(directory, 'running.json');

/** The world that runs in this folder, or undefined where none does (also after everything was killed). */
export function findRunning(directory: string): RunningWorld | undefined {
  let world: RunningWorld;
  try {
    world = JSON.parse(readFileSync(fileOf(directory), 'utf8')) as RunningWorld;
  } catch {
    return undefined;
  }
  return isAlive(world.pid) ? world : undefined;
}

export function writeRunning(directory: string, world: RunningWorld): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(fileOf(directory), `${JSON.stringify(world, null, 2)}\n`, { mode: 0o600 });
}

export function forgetRunning(directory: string): void {
  rmSync(fileOf(directory), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
