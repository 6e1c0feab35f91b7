import type { CookieSerializeOptions } from '@fastify/cookie';

/** How the browser's cookies are called and kept. */
export interface Cookies {
  session: string;
  sign_in: string;
  /** Without a lifetime: until the browser is closed. */
  options: CookieSerializeOptions;
}

/**
 * Only over TLS, only to this host and no other port's or path's service (`__Host-`, RFC 6265bis, 4.1.3.2), not for scripts, and not with
 * what other sites make the browser send, but for links (`Lax`: the issuer sends the browser back by one). A laptop's service has no
 * TLS, and so neither the prefix.
 */
export function cookiesFor(publicUrl: string): Cookies {
  const secure = new URL(publicUrl).protocol === 'https:';
  const prefix = secure ? '__Host-' : '';
  return {
    session: `${prefix}payments_session`,
    sign_in: `${prefix}payments_sign_in`,
    options: { path: '/', httpOnly: true, sameSite: 'lax', secure },
  };
}
