import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../errors.ts';

/** The brand of a call: the token's; else `X-Brand-Id`; else the default one. */
export function brandOf(
  request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>,
  tokenBrand: string | undefined,
  defaultBrand: string,
): string {
  const asked = request.headers['x-brand-id'];
  if (asked === undefined) return tokenBrand ?? defaultBrand;
  if (typeof asked !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(asked)) {
    throw new ServiceError('malformed', {
      field: 'X-Brand-Id',
      message: 'X-Brand-Id has to be given once, as 1 to 64 letters, digits, dots, dashes and underscores.',
    });
  }
  if (tokenBrand !== undefined && tokenBrand !== asked) throw new ServiceError('forbidden');
  return asked;
}
