import { stripVTControlCharacters, styleText } from 'node:util';

/** Where the seconds stand. */
const WIDTH = 46;
const BAR = 20;

/** Says what is being done and how long it took, a line each; on a terminal also how far it has come. */
export interface Steps {
  /** `work` may say how far it is, from 0 to 1. */
  run<T>(name: string, work: (progress: (done: number) => void) => Promise<T>): Promise<T>;
  /** After each step: throws where somebody wants it all to stop. */
  signal: AbortSignal;
}

export function createSteps(signal: AbortSignal, stream: NodeJS.WriteStream = process.stdout): Steps {
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    styleText(format, text, { stream });
  const show = (mark: string, name: string, end: string) => {
    const line = `  ${mark} ${name}`;
    const gap = ' '.repeat(Math.max(1, WIDTH - stripVTControlCharacters(line).length));
    return `${line}${gap}${end}`;
  };
  const live = (text: string) => {
    if (stream.isTTY) stream.write(`\r\x1b[2K${text}`);
  };
  return {
    signal,
    async run(name, work) {
      signal.throwIfAborted();
      const start = performance.now();
      live(show(style('dim', '·'), name, ''));
      const progress = (done: number) => live(show(style('dim', '·'), name, drawBar(done)));
      let result: Awaited<ReturnType<typeof work>>;
      try {
        result = await work(progress);
      } catch (error) {
        live('');
        // What a Ctrl-C broke off has not failed.
        signal.throwIfAborted();
        stream.write(`${show(style('red', '✗'), name, '')}\n`);
        throw error;
      }
      const seconds = `${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s`;
      live('');
      stream.write(`${show(style('green', '✓'), name, style('dim', seconds))}\n`);
      signal.throwIfAborted();
      return result;
    },
  };
}

function drawBar(done: number): string {
  const full = Math.round(Math.min(1, Math.max(0, done)) * BAR);
  return `${'━'.repeat(full)}${'─'.repeat(BAR - full)} ${String(Math.floor(done * 100)).padStart(3)}%`;
}
