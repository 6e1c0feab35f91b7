import type pg from 'pg';
import { inSpan, isTracing, SpanKind } from '../tracing/spans.ts';

const SYSTEM = { 'db.system.name': 'postgresql' };

/** What a statement is called, or its first word: never its text, which may hold what was asked for. */
function nameOf(query: unknown): string {
  if (typeof query === 'string') return /^\w+/.exec(query.trim())?.[0]?.toUpperCase() ?? 'query';
  const { name, text = '' } = query as { name?: string; text?: string };
  return name ?? nameOf(text);
}

/** What the driver has and does not document; the version is pinned, and flights.test.ts notices if it changes. */
type WithSocket = pg.ClientBase & { connection: { stream: { cork(): void; uncork(): void } } };

/**
 * Lets the queries that are made in one turn of the event loop leave in one write. The driver's `pipeline` sends each at once,
 * without waiting for the answers before it, but in a write of its own, and the writes cost more than the queries: of the
 * time of issuing a refund the service spent two fifths in them.
 */
export function sendTogether(client: pg.ClientBase): void {
  const { stream } = (client as WithSocket).connection;
  const query = (...args: unknown[]) => Reflect.apply(Object.getPrototypeOf(client).query, client, args);
  let held = false;
  client.query = ((...args: unknown[]) => {
    if (!held) {
      held = true;
      stream.cork();
      process.nextTick(() => {
        held = false;
        stream.uncork();
      });
    }
    if (!isTracing()) return query(...args);
    return inSpan(
      `SQL ${nameOf(args[0])}`,
      { kind: SpanKind.CLIENT, attributes: SYSTEM },
      async () => await (query(...args) as Promise<unknown>),
    );
  }) as typeof client.query;
}
