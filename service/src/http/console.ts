import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import files from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';
import { pagePolicy } from './security-headers.ts';

/** Where `npm run build` puts the console. */
const BUILT = fileURLToPath(new URL('../../../console/dist', import.meta.url));
/** What the build writes wherever a nonce belongs (`html.cspNonce` of console/vite.config.ts). */
const NONCE = /__NONCE__/g;

/**
 * Serves the console: its files, which have their content's hash in their names and may be kept for ever, and one page for every address
 * under `/console`, since what is at an address is found out in the browser.
 */
export async function serveConsole(app: FastifyInstance, directory = BUILT): Promise<void> {
  const open = { schema: { hide: true, security: [] } };
  app.get('/', open, (_request, reply) => reply.redirect('/console', 302));

  const file = join(directory, 'index.html');
  if (!existsSync(file)) {
    const missing = async () => {
      throw new ServiceError('not_found', { message: 'The console has not been built: npm run build.' });
    };
    app.get('/console', open, missing);
    app.get('/console/*', open, missing);
    return;
  }

  const page = readFileSync(file, 'utf8');
  await app.register(files, {
    root: join(directory, 'assets'),
    prefix: '/console/assets/',
    index: false,
    redirect: false,
    dotfiles: 'ignore',
    immutable: true,
    maxAge: '365d',
    schemaHide: true,
  });
  const servePage = async (_request: FastifyRequest, reply: FastifyReply) => {
    const nonce = randomBytes(16).toString('base64url');
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', pagePolicy(nonce))
      .send(page.replace(NONCE, nonce));
  };
  app.get('/console', open, servePage);
  app.get('/console/*', open, servePage);
}
