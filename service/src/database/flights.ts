import type pg from 'pg';

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
    return query(...args);
  }) as typeof client.query;
}
