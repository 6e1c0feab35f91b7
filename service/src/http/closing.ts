import type { FastifyInstance } from 'fastify';

/** A connection whose answer had begun before the end was known is kept by its caller: how often it is looked for such. */
const LOOK_EVERY_ms = 50;

/**
 * Lets the app close when the last request under way has been answered: that answer says that the connection ends, and where
 * its beginning had left already the connection is closed after it. Otherwise the caller would keep it for the next request, and
 * closing would wait for it.
 */
export function endConnectionsOnClose(app: FastifyInstance): void {
  let closing: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    closing = setInterval(() => app.server.closeIdleConnections(), LOOK_EVERY_ms);
  });
  app.addHook('onClose', async () => clearInterval(closing));
  app.addHook('onSend', async (_request, reply) => {
    if (closing !== undefined) reply.header('connection', 'close');
  });
}
