import type { FastifyInstance } from 'fastify';

/**
 * Lets the app close when the last request under way has been answered: that answer says that the connection ends. Otherwise
 * the caller would keep it for the next request, and closing would wait for it.
 */
export function endConnectionsOnClose(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
}
