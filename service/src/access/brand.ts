import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../errors.ts';
import type { Principal } from './principal.ts';

/** The brand of a call: the token's; else `X-Brand-Id`; else the default one. */
export function brandOf(
  request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>,
  tokenBrand: string | undefined,
  defaultBrand: string,
): Pick<Principal, 'brand_id' | 'brand_is_default'> {
  const asked = request.headers['x-brand-id'];
  if (asked === undefined) {
    return { brand_id: tokenBrand ?? defaultBrand, brand_is_default: tokenBrand === undefined };
  }
  if (typeof asked !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(asked)) {
    throw new ServiceError('malformed', {
      field: 'X-Brand-Id',
      message: 'X-Brand-Id has to be given once, as 1 to 64 letters, digits, dots, dashes and underscores.',
    });
  }
  if (tokenBrand !== undefined && tokenBrand !== asked) throw new ServiceError('forbidden');
  return { brand_id: asked, brand_is_default: false };
}

/** What is of all brands is for those who are bound to none, and name none. @throws ServiceError */
export function refuseOneBrand({ brand_is_default }: Pick<Principal, 'brand_is_default'>): void {
  if (brand_is_default) return;
  throw new ServiceError('forbidden', {
    message: 'This is of all brands: it takes a token that is bound to none, and no X-Brand-Id.',
  });
}
