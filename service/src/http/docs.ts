import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import files from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../errors.ts';

/** Where `npm run build` puts the documentation. */
const BUILT = fileURLToPath(new URL('../../../docs/dist', import.meta.url));

/** Pages that run nothing: a style sheet and pictures of this service, and no more. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the documentation: each page that was built at its address under `/docs`, all held in memory (some 2 MB). */
export async function serveDocs(app: FastifyInstance, directory = BUILT): Promise<void> {
  const open = { schema: { hide: true, security: [] } };
  const index = join(directory, 'built.json');
  if (!existsSync(index)) {
    const missing = async () => {
      throw new ServiceError('not_found', {
        message: 'The documentation has not been built: npm run build.',
      });
    };
    app.get('/docs', open, missing);
    app.get('/docs/*', open, missing);
    return;
  }

  await app.register(files, {
    root: join(directory, 'assets'),
    prefix: '/docs/assets/',
    decorateReply: false,
    index: false,
    redirect: false,
    dotfiles: 'ignore',
    immutable: true,
    maxAge: '365d',
    schemaHide: true,
  });
  const places = JSON.parse(readFileSync(index, 'utf8')) as string[];
  for (const place of places) {
    const page = readFileSync(join(directory, 'pages', `${place === '' ? 'index' : place}.html`), 'utf8');
    app.get(place === '' ? '/docs' : `/docs/${place}`, open, async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', POLICY)
        .header('cache-control', 'no-cache')
        .send(page),
    );
  }
  app.get('/docs/', open, (_request, reply) => reply.redirect('/docs', 302));
}
