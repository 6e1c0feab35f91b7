import { SingleBar } from 'cli-progress';
import type { Counts, Progress } from '../../service/src/stripe/backfill.ts';

/** Shows how far a backfill has come. */
export interface ProgressView {
  update(progress: Progress): void;
  stop(): void;
}

const LINE_EVERY_ms = 5_000;

/** Objects read so far, of all kinds. */
export function countObjects({ charges, invoice_payments, refunds, disputes }: Counts): number {
  return charges + invoice_payments + refunds + disputes;
}

/** A bar on a terminal; otherwise a line for each kind of object, and one every five seconds. */
export function createProgressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? createBar(stream) : createLines(stream);
}

function describe({ window_from, window_until, resumed }: Progress): string {
  const verb = resumed ? 'Going on with' : 'Reading';
  return `${verb} what was created from ${window_from.toISOString()} to ${window_until.toISOString()}`;
}

function createBar(stream: NodeJS.WriteStream): ProgressView {
  const bar = new SingleBar({
    stream,
    format: '{bar} {percentage}% | {step} | {objects} objects, {per_second}/s | {duration_formatted}',
    barsize: 30,
    hideCursor: true,
    // Ctrl-C ends the page under way; the bar must not end the process before.
    gracefulExit: false,
    linewrap: false,
  });
  const rate = createRate();
  let window: number | undefined;
  return {
    update(progress) {
      const payload = {
        step: progress.step.replaceAll('_', ' '),
        objects: countObjects(progress.counts),
        per_second: rate(progress.counts),
      };
      if (window !== progress.window_until.getTime()) {
        if (window !== undefined) bar.stop();
        window = progress.window_until.getTime();
        stream.write(`${describe(progress)}\n`);
        bar.start(100, 0, payload);
      }
      bar.update(Math.floor(progress.done * 100), payload);
    },
    stop: () => bar.stop(),
  };
}

function createLines(stream: NodeJS.WritableStream): ProgressView {
  const rate = createRate();
  let window: number | undefined;
  let step: string | undefined;
  let written_at = 0;
  return {
    update(progress) {
      if (window !== progress.window_until.getTime()) {
        window = progress.window_until.getTime();
        step = undefined;
        stream.write(`${describe(progress)}\n`);
      }
      if (step === progress.step && Date.now() - written_at < LINE_EVERY_ms) return;
      step = progress.step;
      written_at = Date.now();
      const percent = `${Math.floor(progress.done * 100)}%`.padStart(4);
      const objects = `${countObjects(progress.counts)} objects, ${rate(progress.counts)}/s`;
      stream.write(`${percent} ${progress.step.replaceAll('_', ' ')}, ${objects}\n`);
    },
    stop: () => {},
  };
}

/** Objects per second since the first look. */
function createRate(): (counts: Counts) => number {
  let begun: { at: number; objects: number } | undefined;
  return (counts) => {
    const objects = countObjects(counts);
    begun ??= { at: performance.now(), objects };
    const elapsed_s = (performance.now() - begun.at) / 1000;
    return elapsed_s === 0 ? 0 : Math.round((objects - begun.objects) / elapsed_s);
  };
}
