/**
 * Does work that Ctrl-C or SIGTERM asks to end, through its signal; a second one ends the process at once.
 *
 * @param onInterrupt told the first time
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  onInterrupt?: () => void,
): Promise<T> {
  const stopping = new AbortController();
  const interrupt = () => {
    // The second time somebody means it.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
    onInterrupt?.();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(stopping.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
