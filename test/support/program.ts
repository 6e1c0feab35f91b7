import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { identify, isRunning, type ProcessIdentity } from '../../local/postgres/processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Long enough for the slowest machine, and short of a test's own limit, so that a test that waits in vain can tell for what. */
export const PATIENCE_ms = 120_000;

/** A program as a user runs it: a process of its own, in a group of its own as a terminal makes one. */
export class Program {
  readonly child: ChildProcess;
  /** The exit code, or null where a signal ended it. */
  readonly ended: Promise<number | null>;
  stdout = '';
  stderr = '';
  #changed = Promise.withResolvers<void>();

  /** The environment is what is given and PATH, HOME and TMPDIR. */
  constructor(command: string, args: readonly string[], env: Record<string, string> = {}, cwd = ROOT) {
    const { PATH, HOME, TMPDIR } = process.env;
    this.child = spawn(command, args, {
      cwd,
      env: { PATH, HOME, TMPDIR, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#notify();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#notify();
    });
    this.ended = once(this.child, 'close').then(([code]) => {
      this.#notify();
      return code as number | null;
    });
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  get pid(): number {
    assert.ok(this.child.pid !== undefined, 'it did not start');
    return this.child.pid;
  }

  /** Everything said so far. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  get #over(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Waits until it has said something like that; fails if it ends without, or does not say it in two minutes. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let late = false;
    const patience = setTimeout(() => {
      late = true;
      this.#notify();
    }, PATIENCE_ms);
    try {
      for (;;) {
        const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (found !== null) return found;
        assert.ok(!this.#over, `it ended without saying ${pattern}:\n${this.output}`);
        assert.ok(!late, `it does not say ${pattern}:\n${this.output}`);
        await this.#changed.promise;
      }
    } finally {
      clearTimeout(patience);
    }
  }

  /** Signals the whole group, as Ctrl-C in a terminal does, and waits for the end. */
  async interrupt(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    process.kill(-this.pid, signal);
    return await this.ended;
  }

  /** It and whatever it started, and what that started. */
  family(): ProcessIdentity[] {
    const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    const found = [this.pid];
    for (const parent of found)
      found.push(...table.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : [])));
    return found.flatMap((pid) => identify(pid) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) kill(this.family());
    await this.ended;
  }
}

/** Kills them at once, with no chance to say goodbye. */
export function kill(processes: readonly ProcessIdentity[]): void {
  for (const one of processes) if (isRunning(one)) process.kill(one.pid, 'SIGKILL');
}

/** Runs a program to its end. */
export async function runProgram(command: string, args: readonly string[], env: Record<string, string> = {}) {
  await using program = new Program(command, args, env);
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}
