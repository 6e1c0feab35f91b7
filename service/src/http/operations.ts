import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ServiceError } from '../errors.ts';

/** Remembers which methods each address takes, from here on, so that the others can be refused. */
export function collectMethods(app: FastifyInstance): Map<string, Set<string>> {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });
  return methods;
}

/** A known address with another method is a 405 that says which it takes, not a 404 (RFC 9110, 15.5.6). */
export function refuseOtherMethods(app: FastifyInstance, methods: Map<string, Set<string>>): void {
  for (const [url, known] of [...methods]) {
    const others = (app.supportedMethods as HTTPMethods[]).filter((method) => !known.has(method));
    if (others.length === 0) continue;
    const allow = [...known].sort().join(', ');
    app.route({
      url,
      method: others,
      schema: { hide: true, security: [] },
      onRequest: async () => {
        throw new ServiceError('method_not_allowed', {
          message: `This address takes ${allow} only.`,
          headers: { allow },
        });
      },
      handler: () => undefined,
    });
  }
}
