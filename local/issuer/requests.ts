import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { mintToken, type TokenRequest, TokenRequestError } from './mint.ts';
import { CONTENT_SECURITY_POLICY, errorPage, signInPage } from './pages.ts';
import { findPerson, PEOPLE } from './people.ts';
import type { IssuerProvider } from './provider.ts';

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

function sendHtml(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'cache-control': 'no-store',
  });
  response.end(body);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function sameSecret(given: string, expected: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

async function signIn(
  { provider, grantTo }: IssuerProvider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const details = await provider.interactionDetails(request, response);
  const client = await provider.Client.find(String(details.params.client_id));
  if (details.prompt.name === 'consent') {
    // Asked for by name only (prompt=consent, as offline_access needs it): the answer of a first-party client is yes.
    const person = findPerson(details.session?.accountId ?? '');
    if (person === undefined || client === undefined) throw new Error('Consent without a person');
    const grantId = details.grantId ?? (await grantTo(person, client.clientId));
    await provider.interactionFinished(request, response, { consent: { grantId } });
    return;
  }
  if (request.method === 'POST') {
    const person = findPerson(new URLSearchParams(await text(request)).get('person') ?? '');
    if (person !== undefined) {
      const result = { login: { accountId: person.id } };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
      return;
    }
  }
  const clientName = client?.clientName ?? 'the application';
  sendHtml(response, 200, signInPage(request.url ?? '', clientName, PEOPLE));
}

function readTokenRequest(json: string): TokenRequest {
  const body: unknown = JSON.parse(json);
  if (typeof body !== 'object' || body === null) throw new TokenRequestError('The body must be an object.');
  const kinds = {
    scope: 'string',
    brand: 'string',
    as: 'string',
    audience: 'string',
    expires_in_s: 'number',
  };
  for (const [name, value] of Object.entries(body)) {
    const kind = Object.entries(kinds).find(([known]) => known === name)?.[1];
    if (kind === undefined) {
      throw new TokenRequestError(`Unknown: ${name}. Known are: ${Object.keys(kinds).join(', ')}.`);
    }
    if (typeof value !== kind) throw new TokenRequestError(`${name} must be a ${kind}.`);
  }
  return body;
}

async function mint(
  issuer: IssuerProvider,
  controlSecret: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (!sameSecret(given, controlSecret)) {
    sendJson(response, 401, { error: 'unauthorized', message: 'The control secret is missing or wrong.' });
    return;
  }
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST');
    sendJson(response, 405, { error: 'method_not_allowed', message: 'Only POST.' });
    return;
  }
  try {
    sendJson(response, 200, await mintToken(issuer, readTokenRequest(await text(request))));
  } catch (error) {
    if (!(error instanceof TokenRequestError || error instanceof SyntaxError)) throw error;
    sendJson(response, 400, { error: 'invalid_request', message: error.message });
  }
}

/**
 * Answers the addresses that are ours (sign-in page, control) and hands the rest to the provider.
 *
 * @param controlSecret without one there is no control address
 */
export function createRequestHandler(
  issuer: IssuerProvider,
  controlSecret: string | undefined,
): (request: IncomingMessage, response: ServerResponse) => void {
  const oauth = issuer.provider.callback();
  return (request, response) => {
    const path = new URL(request.url ?? '/', 'http://issuer').pathname;
    // Without passwords, a page of the internet must not reach us by giving our address a name of its own (DNS rebinding).
    if (!LOOPBACK.test(request.headers.host ?? '')) {
      sendJson(response, 421, { error: 'misdirected', message: 'This issuer answers on loopback only.' });
      return;
    }
    const fail = (error: unknown) => {
      const known = error instanceof Error && error.name === 'SessionNotFound';
      if (!known) console.error(error);
      const message = known
        ? 'This sign-in is over. Go back to where you came from and start again.'
        : undefined;
      if (!response.headersSent) sendHtml(response, known ? 400 : 500, errorPage('sign_in', message));
      else response.destroy();
    };
    if (path.startsWith('/interaction/')) {
      signIn(issuer, request, response).catch(fail);
    } else if (path === '/_control/tokens' && controlSecret !== undefined) {
      mint(issuer, controlSecret, request, response).catch(fail);
    } else {
      oauth(request, response).catch(fail);
    }
  };
}
