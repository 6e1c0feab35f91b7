import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

/** Answers are data: kept by no cache, run, framed, embedded or guessed at by no browser, and told of to nobody (OWASP, REST Security). */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * For an answer that is a page: it loads from here and talks to here only (Content Security Policy Level 3); what is inline carries this
 * answer's nonce, by which the page's script marks the styles that it builds.
 */
export const pagePolicy = (nonce: string) =>
  [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

const TWO_YEARS_s = 63_072_000;
/** What a page of another origin may read of an answer besides its body. */
const EXPOSED = ['Link', 'X-Request-Id', 'Retry-After', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];

export interface BrowserOptions {
  /** Whether browsers reach the service by TLS, and are to do so in no other way from then on (RFC 6797). */
  tls: boolean;
  /** Pages of which other origins may call with a token of their own; cookies are never for them. */
  corsOrigins: readonly string[];
}

/** What browsers are told with every answer. Pages that need more say so themselves. */
export async function instructBrowsers(
  app: FastifyInstance,
  { tls, corsOrigins }: BrowserOptions,
): Promise<void> {
  const headers = tls
    ? { ...SECURITY_HEADERS, 'strict-transport-security': `max-age=${TWO_YEARS_s}; includeSubDomains` }
    : SECURITY_HEADERS;
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(headers);
  });
  if (corsOrigins.length === 0) return;
  await app.register(cors, {
    origin: [...corsOrigins],
    methods: ['GET', 'HEAD', 'POST'],
    exposedHeaders: EXPOSED,
    maxAge: 600,
    strictPreflight: false,
  });
}
