import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Nothing of its body has to be there, so it need not be sent. */
    bodyMayBeLeftOut?: boolean;
  }
}

/** For operations that say it all in their address: no body is an empty one. To be spread into the route's options. */
export const bodyMayBeLeftOut = {
  config: { bodyMayBeLeftOut: true },
  preValidation: async (request: FastifyRequest): Promise<void> => {
    request.body ??= {};
  },
};
