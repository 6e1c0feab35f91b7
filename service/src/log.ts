import { DatabaseError } from 'pg';
import { type DestinationStream, type Logger, pino } from 'pino';
import { currentTraceId } from './tracing/spans.ts';

/**
 * The service's log: a JSON object a line. Whatever is logged as `err` or `req` is cut down to what may be in a log: no queries,
 * headers, bodies, rows or whole answers of others.
 */
export function createLog(
  { level, role }: { level: string; role: string },
  destination?: DestinationStream,
): Logger {
  return pino(
    {
      level,
      base: { role },
      mixin: () => {
        const trace_id = currentTraceId();
        return trace_id === undefined ? {} : { trace_id };
      },
      serializers: {
        err: describeError,
        req: (request: { method?: unknown }) => ({ method: request.method }),
        res: (response: { statusCode?: unknown }) => ({ status: response.statusCode }),
      },
    },
    destination ?? pino.destination(),
  );
}

/**
 * What is logged of an error: its kind and where it came from. An error of the database quotes rows and values, in its
 * message too; others carry a whole connection or answer about as properties.
 */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    code,
    ...(error instanceof DatabaseError
      ? { table: error.table, constraint: error.constraint, routine: error.routine }
      : { message: error.message }),
    stack: error.stack
      ?.split('\n')
      .filter((line) => line.startsWith('    at '))
      .join('\n'),
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  };
}
