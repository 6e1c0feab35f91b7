import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A file of this folder as a process of its own, so that what it does is not measured as ours. */
export interface Child {
  pid: number;
  /** Sends a message and waits for the answer to it; one at a time. */
  ask<Answer>(message: unknown): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts it. It ends where we end, however that comes about. */
export function startChild(file: 'stand-in.ts' | 'load.ts'): Child {
  const child: ChildProcess = fork(fileURLToPath(new URL(file, import.meta.url)), {
    serialization: 'advanced',
  });
  const exited = once(child, 'exit');
  const died = exited.then(([code]) => {
    throw new Error(`bench/${file} ended with ${code}`);
  });
  died.catch(() => {});
  return {
    pid: child.pid ?? 0,
    async ask<Answer>(message: unknown) {
      const answered = once(child, 'message');
      child.send(message as never);
      const [answer] = await Promise.race([answered, died]);
      return answer as Answer;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** In the process: answers each message with what `work` returns, until whoever started it is gone. */
export function serveParent<Message>(work: (message: Message) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit());
  process.on('message', async (message: Message) => {
    const answer = await work(message);
    process.send?.(answer);
  });
}
