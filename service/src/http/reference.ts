import { randomBytes } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { SCHEME } from '../access/guard.ts';
import { pagePolicy } from './security-headers.ts';

const markInline = (page: string, nonce: string) =>
  page
    .replace('<head>', `<head><meta property="csp-nonce" content="${nonce}" />`)
    .replaceAll('<script type=', `<script nonce="${nonce}" type=`);

/**
 * Serves the document at `/openapi.json`, and at `/reference` as pages to read: Scalar, from its npm bundle, with everything
 * switched off that would ask somebody else for something, so that it works offline. The bundle takes 26 MB of memory and a
 * fifth of a second to load, so it is loaded when somebody first reads.
 */
export async function serveReference(app: FastifyInstance): Promise<void> {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  let pages: Promise<FastifyInstance> | undefined;
  const servePage = async (request: FastifyRequest, reply: FastifyReply) => {
    pages ??= preparePages();
    const page = await (await pages).inject({ url: request.routeOptions.url ?? '' });
    const { location, 'content-type': type } = page.headers;
    if (location !== undefined) reply.header('location', location);
    const nonce = randomBytes(16).toString('base64url');
    return reply
      .code(page.statusCode)
      .headers({ 'content-security-policy': pagePolicy(nonce), 'content-type': type })
      .send(String(type).startsWith('text/html') ? markInline(page.payload, nonce) : page.rawPayload);
  };
  app.get('/reference', { schema: { hide: true } }, servePage);
  app.get('/reference/', { schema: { hide: true } }, servePage);
  app.get('/reference/js/scalar.js', { schema: { hide: true } }, servePage);
}

/** Scalar's pages in an app of their own, which nobody reaches but through ours. */
async function preparePages(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const pages = Fastify();
  await pages.register(scalar, {
    routePrefix: '/reference',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'payments: API reference',
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      mcp: { disabled: true },
      hideClientButton: true,
      showDeveloperTools: 'never',
      persistAuth: false,
      authentication: { preferredSecurityScheme: SCHEME },
    },
  });
  await pages.ready();
  return pages;
}
