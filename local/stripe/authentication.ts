import { createHash, timingSafeEqual } from 'node:crypto';
import { StripeFailure } from './errors.ts';

const sameText = (a: string, b: string): boolean => {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
};

/** The API key of a request: Bearer, or HTTP Basic with the key as the user name. */
function keyOf(header: string | undefined): string | undefined {
  const [scheme, value] = header?.split(' ') ?? [];
  if (value === undefined || value === '') return undefined;
  if (scheme?.toLowerCase() === 'bearer') return value;
  if (scheme?.toLowerCase() === 'basic') return Buffer.from(value, 'base64').toString().split(':')[0];
  return undefined;
}

/** The 401 for a request without an API key, or with another one than those that are good; undefined where it is one of them. */
export function authenticate(
  apiKeys: ReadonlySet<string>,
  header: string | undefined,
): StripeFailure | undefined {
  const key = keyOf(header);
  if (key !== undefined && [...apiKeys].some((known) => sameText(key, known))) return undefined;
  const headers = { 'www-authenticate': 'Basic realm="Stripe"' };
  if (key === undefined || key === '')
    return new StripeFailure(
      401,
      {
        type: 'invalid_request_error',
        message:
          "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
      },
      false,
      headers,
    );
  const masked = `${key.slice(0, 8)}${'*'.repeat(Math.max(0, key.length - 12))}${key.length > 12 ? key.slice(-4) : ''}`;
  return new StripeFailure(
    401,
    { type: 'invalid_request_error', message: `Invalid API Key provided: ${masked}` },
    false,
    headers,
  );
}
