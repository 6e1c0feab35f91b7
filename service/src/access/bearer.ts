import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../errors.ts';

const REALM = 'Bearer realm="payments"';

/** A `WWW-Authenticate` header (RFC 6750, 3); `max_age_s`: how long ago a person may have signed in (RFC 9470, 3). */
export function challenge(error?: string, scope?: string, max_age_s?: number): Record<string, string> {
  return {
    'www-authenticate': [
      REALM,
      error && `error="${error}"`,
      scope && `scope="${scope}"`,
      max_age_s !== undefined && `max_age="${max_age_s}"`,
    ]
      .filter(Boolean)
      .join(', '),
  };
}

/**
 * The bearer token of a request (RFC 6750, 2.1). None is a 401; a malformed one, or two, is a 400 (3.1, invalid_request).
 * Node drops a second `Authorization` header silently, so the raw headers are counted.
 */
export function bearerToken(request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): string {
  const count = request.rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization',
  ).length;
  if (count > 1) throw invalidRequest('Authorization is given more than once.');
  const header = request.headers.authorization ?? '';
  if (!/^bearer\b/i.test(header)) throw new ServiceError('unauthenticated', { headers: challenge() });
  const [, token] = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header) ?? [];
  if (token === undefined)
    throw invalidRequest('Authorization is malformed: it has to be Bearer and one token.');
  return token;
}

function invalidRequest(message: string): ServiceError {
  return new ServiceError('malformed', {
    message,
    field: 'Authorization',
    headers: challenge('invalid_request'),
  });
}
