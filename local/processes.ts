import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const leash = new URL('./leash.ts', import.meta.url).href;
const root = fileURLToPath(new URL('..', import.meta.url));

export interface ServiceProcess {
  /** Resolves when the process has ended, with what it said last. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

/**
 * Runs the service as production does: `node service/src/main.ts` and an environment. Its log goes to a file. It is in a
 * process group of its own, so that Ctrl-C reaches it only through us, in order.
 */
export function runService(env: Record<string, string>, logFile: string): ServiceProcess {
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, ['--import', leash, 'service/src/main.ts'], {
    cwd: root,
    env: { ...environmentOfTools(), ...env },
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  const ended = once(child, 'exit').then(() => lastLines(logFile));
  return {
    ended,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs a command of `payments` in the foreground, its output going where ours goes. Rejects where it fails. */
export async function runCli(
  args: string[],
  env: Record<string, string>,
  stopping: Promise<void>,
): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, ['cli/src/main.ts', ...args], {
    cwd: root,
    env: { ...environmentOfTools(), ...env },
    stdio: 'inherit',
    detached: true,
  });
  void stopping.then(() => child.kill('SIGINT'));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`payments ${args[0]} ended with ${signal ?? code}`);
}

/** What any program needs of our environment; the service's settings are given, never inherited. */
function environmentOfTools(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, TERM, NO_COLOR, FORCE_COLOR, LANG, NODE_OPTIONS } = process.env;
  return { PATH, HOME, TMPDIR, TERM, NO_COLOR, FORCE_COLOR, LANG, NODE_OPTIONS };
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}
