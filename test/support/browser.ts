import assert from 'node:assert/strict';

/** Cookies as a browser keeps them, for one host. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }
  async go(path: string, init: RequestInit = {}): Promise<Response> {
    const address = path.startsWith('http') ? path : `${this.url}${path}`;
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...Object(init.headers), ...(cookie === '' ? {} : { cookie }) };
    const response = await fetch(address, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /max-age=0|expires=thu, 01 jan 1970/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }
  /** Sends what a page of the service sends. */
  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.go(path, {
      method: 'POST',
      headers: {
        origin: 'http://127.0.0.1',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/**
 * Signs a person in at the issuer's page, and follows the browser back. Returns the last answer of the service.
 *
 * @param here at the service
 * @param there at the issuer, `local/`'s
 */
export async function signInWith(
  { here, there }: { here: Browser; there: Browser },
  as: string,
  path: string,
) {
  const begun = await here.go(path);
  assert.equal(begun.status, 303, await begun.text());
  const address = new URL(begun.headers.get('location') ?? '');
  let at = await there.go(address.href);
  while (at.status === 303 || at.status === 302) {
    const next = new URL(at.headers.get('location') ?? '', there.url);
    if (next.pathname === '/auth/callback') {
      const returned = await here.go(`${next.pathname}${next.search}`);
      return { here, there, returned, address, callback: next };
    }
    at = await there.go(next.href);
    if (at.status === 200) {
      // The page with the people on it: the one who is asked for is clicked on.
      at = await there.go(next.href, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: there.url },
        body: new URLSearchParams({ person: as }).toString(),
      });
    }
  }
  assert.fail(`the issuer did not send the browser back: ${at.status} ${await at.text()}`);
}
