const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENOENT',
]);

/** What the driver says, without a code, when it has no connection or loses one. */
const DRIVER =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/**
 * Whether an error means that the database is not there or too busy, rather than that we asked wrongly: network errors, and the
 * classes 08 (connection), 53 (resources), 57 (operator intervention, statement timeout) of PostgreSQL, Appendix A.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    NETWORK.has(code) ||
    /^(08|53|57)[0-9A-Z]{3}$/.test(code) ||
    isClosed(error, code) ||
    DRIVER.test(error.message)
  );
}

/** An administrator lets nobody in for a while: the same code within a session would be our own mistake. */
const isClosed = (error: Error, code: string) =>
  code === '55000' && 'severity' in error && error.severity === 'FATAL';
