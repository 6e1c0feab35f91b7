import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';

const PAGE = 'https://shop.example';
const plain = await startTestApp();
after(() => plain[Symbol.asyncDispose]());
const open = await startTestApp({ beside: plain, tls: true, corsOrigins: [PAGE] });
after(() => open[Symbol.asyncDispose]());

const LIST = '/v1/admin/refunds';

for (const path of [LIST, `${LIST}/refund_unknown`, '/v1/nowhere', '/healthz', '/openapi.json', '/%zz']) {
  test(`the answer to ${path} is kept by no cache, run, framed or embedded by no browser, and says to nobody where it came from`, async () => {
    const { headers } = await plain.get(path);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.deepEqual(headers.get('content-security-policy')?.split('; '), [
      "default-src 'none'",
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('x-frame-options'), 'DENY');
    assert.ok(headers.get('x-request-id'));
    assert.equal(headers.get('server'), null);
    assert.equal(headers.get('x-powered-by'), null);
  });
}

test('browsers are told to come by TLS only where there is TLS', async () => {
  assert.equal((await plain.get(LIST)).headers.get('strict-transport-security'), null);
  assert.match(
    (await open.get(LIST)).headers.get('strict-transport-security') ?? '',
    /^max-age=\d{8,}; includeSubDomains$/,
  );
});

test('the pages of the reference allow no inline script or style but their own, by a nonce that is new each time', async () => {
  const policies = await Promise.all(
    [1, 2].map(async () => {
      const response = await fetch(`${plain.url}/reference`);
      const policy = response.headers.get('content-security-policy') ?? '';
      assert.ok(!policy.includes('unsafe'), policy);
      const [, nonce = ''] = /script-src 'self' 'nonce-([\w-]{22})'/.exec(policy) ?? [];
      const page = await response.text();
      for (const [tag] of page.matchAll(/<script\b[^>]*>/g)) {
        assert.ok(tag.includes(`nonce="${nonce}"`) || tag.includes('src="'), tag);
      }
      return policy;
    }),
  );
  assert.notEqual(policies[0], policies[1]);
});

const ask = (url: string, origin: string, method = 'GET', headers: Record<string, string> = {}) =>
  fetch(`${url}${LIST}`, { method, headers: { origin, ...headers } });
const preflight = {
  'access-control-request-method': 'GET',
  'access-control-request-headers': 'authorization',
};

test('pages of other origins can call nothing, unless theirs is set', async () => {
  for (const [url, origin] of [
    [plain.url, PAGE],
    [open.url, 'https://evil.example'],
    [open.url, `${PAGE}.evil.example`],
    [open.url, 'null'],
  ] as const) {
    for (const response of [await ask(url, origin), await ask(url, origin, 'OPTIONS', preflight)]) {
      assert.equal(response.headers.get('access-control-allow-origin'), null, `${url} ${origin}`);
    }
  }
});

test('pages of an origin that is set may call with a token, and never with a cookie', async () => {
  const before = await ask(open.url, PAGE, 'OPTIONS', preflight);
  assert.equal(before.status, 204);
  assert.equal(before.headers.get('access-control-allow-origin'), PAGE);
  assert.match(before.headers.get('access-control-allow-headers') ?? '', /authorization/);
  assert.equal(before.headers.get('access-control-allow-credentials'), null);
  const { headers } = await open.get(LIST, { origin: PAGE });
  assert.equal(headers.get('access-control-allow-origin'), PAGE);
  assert.match(headers.get('access-control-expose-headers') ?? '', /Link/);
});
