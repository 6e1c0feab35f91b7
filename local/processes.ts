import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { identify, isRunning, type ProcessIdentity } from './postgres/processes.ts';

const LEASH = new URL('./leash.ts', import.meta.url).href;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** A little more than the service gives itself. */
const STOP_WITHIN_MS = 27_000;

export interface ServiceProcess {
  identity: ProcessIdentity;
  /** Resolves when the process has ended, with what it said last. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

/** Runs the service as production does: `node service/src/main.ts` and an environment. Its log goes to a file. */
export function runService(env: Record<string, string>, logFile: string): ServiceProcess {
  const log = openSync(logFile, 'w', 0o600);
  const child = run(['service/src/main.ts'], env, ['ignore', log, log, 'ipc']);
  closeSync(log);
  const ended = once(child, 'exit').then(() => lastLines(readFileSync(logFile, 'utf8')));
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) throw new Error(`The service did not start; see ${logFile}.`);
  return {
    identity,
    ended,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs a command of `payments` to its end. Rejects with what it said where it fails; asks it to stop on `signal`. */
export async function runCli(
  args: string[],
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const child = run(['cli/src/main.ts', ...args], env, ['ignore', 'ignore', 'pipe', 'ipc']);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop);
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`payments ${args[0]} failed: ${lastLines(said)}`);
}

/** Ends the process of a world whose `npm start` was killed, if it has not noticed by itself. */
export async function endLeftover(identity: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + STOP_WITHIN_MS;
  if (isRunning(identity)) process.kill(identity.pid, 'SIGTERM');
  while (isRunning(identity)) {
    if (Date.now() > deadline) process.kill(identity.pid, 'SIGKILL');
    await pause(20);
  }
}

/**
 * A process in a group of its own, so that Ctrl-C reaches it only through us, in order; on a leash, so that it ends
 * where we are killed.
 */
function run(args: string[], env: Record<string, string>, stdio: SpawnOptions['stdio']): ChildProcess {
  return spawn(process.execPath, ['--import', LEASH, ...args], {
    cwd: ROOT,
    env: { ...environmentOfTools(), ...env },
    stdio,
    detached: true,
  });
}

/** What any program needs of our environment; the service's settings are given, never inherited. */
function environmentOfTools(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG, NODE_OPTIONS } = process.env;
  return { PATH, HOME, TMPDIR, LANG, NODE_OPTIONS };
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-5).join('\n');
}
