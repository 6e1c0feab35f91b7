import { SingleBar } from 'cli-progress';

/** How far a command has come that pages through a window of Stripe. */
interface Progress {
  step: string;
  /** Between 0 and 1. */
  done: number;
  window_from: Date;
  window_until: Date;
  resumed: boolean;
  /** How many there have been so far. */
  objects: number;
}

/** Shows how far a command has come. */
export interface ProgressView {
  update(progress: Progress): void;
  stop(): void;
}

const LINE_EVERY_ms = 5_000;

/** Objects read so far, of all kinds. */
export function countObjects({
  charges,
  invoice_payments,
  refunds,
  disputes,
}: Record<'charges' | 'invoice_payments' | 'refunds' | 'disputes', number>): number {
  return charges + invoice_payments + refunds + disputes;
}

/**
 * A bar on a terminal; otherwise a line for each kind of object, and one every five seconds.
 *
 * @param verb what is done to the objects, e.g. `Reading`
 */
export function createProgressView(stream: NodeJS.WriteStream, verb: string): ProgressView {
  return stream.isTTY ? createBar(stream, verb) : createLines(stream, verb);
}

function describe({ window_from, window_until, resumed }: Progress, verb: string): string {
  return `${resumed ? 'Going on with' : verb} what was created from ${window_from.toISOString()} to ${window_until.toISOString()}`;
}

function createBar(stream: NodeJS.WriteStream, verb: string): ProgressView {
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
        objects: progress.objects,
        per_second: rate(progress.objects),
      };
      if (window !== progress.window_until.getTime()) {
        if (window !== undefined) bar.stop();
        window = progress.window_until.getTime();
        stream.write(`${describe(progress, verb)}\n`);
        bar.start(100, 0, payload);
      }
      bar.update(Math.floor(progress.done * 100), payload);
    },
    stop: () => bar.stop(),
  };
}

function createLines(stream: NodeJS.WritableStream, verb: string): ProgressView {
  const rate = createRate();
  let window: number | undefined;
  let step: string | undefined;
  let written_at = 0;
  return {
    update(progress) {
      if (window !== progress.window_until.getTime()) {
        window = progress.window_until.getTime();
        step = undefined;
        stream.write(`${describe(progress, verb)}\n`);
      }
      if (step === progress.step && Date.now() - written_at < LINE_EVERY_ms) return;
      step = progress.step;
      written_at = Date.now();
      const percent = `${Math.floor(progress.done * 100)}%`.padStart(4);
      const objects = `${progress.objects} objects, ${rate(progress.objects)}/s`;
      stream.write(`${percent} ${progress.step.replaceAll('_', ' ')}, ${objects}\n`);
    },
    stop: () => {},
  };
}

/** Objects per second since the first look. */
function createRate(): (objects: number) => number {
  let begun: { at: number; objects: number } | undefined;
  return (objects) => {
    begun ??= { at: performance.now(), objects };
    const elapsed_s = (performance.now() - begun.at) / 1000;
    return elapsed_s === 0 ? 0 : Math.round((objects - begun.objects) / elapsed_s);
  };
}
