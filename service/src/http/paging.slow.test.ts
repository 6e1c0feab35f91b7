import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';
import { sendRaw } from '../../../test/support/raw.ts';
import { addRefunds } from '../../../test/support/rows.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

interface Page {
  ids: string[];
  next: string | undefined;
}

async function readPage(path: string, headers?: Record<string, string>): Promise<Page> {
  const response = await service.get(path, headers);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const { refunds } = JSON.parse(text) as { refunds: { refund_id: string }[] };
  const link = response.headers.get('link');
  const [, next] = link === null ? [] : (/^<(\/[^>]*)>; rel="next"$/.exec(link) ?? assert.fail(link));
  return { ids: refunds.map((refund) => refund.refund_id), next };
}

async function readAll(path: string, headers?: Record<string, string>): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const page: Page = await readPage(next, headers);
    pages.push(page.ids);
    next = page.next;
  }
  return pages;
}

const path = (query: Record<string, string | number>) =>
  `/v1/admin/refunds?${new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]))}`;

for (const [count, limit, sizes] of [
  [0, 3, [0]],
  [1, 3, [1]],
  [3, 3, [3]],
  [4, 3, [3, 1]],
  [7, 1, [1, 1, 1, 1, 1, 1, 1]],
  [45, 20, [20, 20, 5]],
] as const) {
  test(`${count} refunds in pages of ${limit} come as ${sizes.join(' + ')}: each once, newest first, also those of the same moment`, async () => {
    const customer_id = `customer_${count}`;
    const ids = count === 0 ? [] : await addRefunds(service.pool, { customer_id, count });
    const pages = await readAll(path({ customer_id, limit }));
    assert.deepEqual(
      pages.map((page) => page.length),
      sizes,
    );
    assert.deepEqual(pages.flat(), ids);
  });
}

test('the link keeps every filter as it was asked, whatever characters it has', async () => {
  const customer_id = 'Zoë?a&b=c+d e%20/"<>\\🦊';
  const ids = await addRefunds(service.pool, { customer_id, count: 5 });
  assert.deepEqual((await readAll(path({ limit: 2, customer_id, status: 'succeeded' }))).flat(), ids);
});

test('limit may change from page to page', async () => {
  const ids = await addRefunds(service.pool, { customer_id: 'growing', count: 9 });
  const first = await readPage(path({ customer_id: 'growing', limit: 2 }));
  const rest = await readPage((first.next ?? '').replace('limit=2', 'limit=50'));
  assert.deepEqual([...first.ids, ...rest.ids], ids);
});

test('refunds that arrive while somebody pages neither repeat nor hide a line', async () => {
  const ids = await addRefunds(service.pool, { customer_id: 'busy', count: 6 });
  const first = await readPage(path({ customer_id: 'busy', limit: 3 }));
  await service.pool.query(`UPDATE refunds SET updated_at = now() WHERE customer_id = 'busy'`);
  await addRefunds(service.pool, { customer_id: 'another', count: 3 });
  const second = await readPage(first.next ?? '');
  assert.deepEqual([...first.ids, ...second.ids], ids);
});

test('a cursor is good for its own filters and brand only, and tampering with it is noticed', async () => {
  await addRefunds(service.pool, { customer_id: 'mine', count: 3 });
  await addRefunds(service.pool, { customer_id: 'mine', brand_id: 'acme', count: 3 });
  const { next } = await readPage(path({ customer_id: 'mine', limit: 1 }));
  assert.ok(next);
  const cursor = new URL(next, service.url).searchParams.get('cursor') ?? '';
  for (const [query, headers] of [
    [{ customer_id: 'theirs', cursor }, {}],
    [{ cursor }, {}],
    [{ customer_id: 'mine', status: 'failed', cursor }, {}],
    [{ customer_id: 'mine', cursor }, { 'x-brand-id': 'acme' }],
    [{ customer_id: 'mine', cursor: `${cursor.slice(0, -2)}AA` }, {}],
    [{ customer_id: 'mine', cursor: `A${cursor}` }, {}],
  ] as [Record<string, string>, Record<string, string>][]) {
    const response = await service.get(path(query), headers);
    assert.equal(response.status, 400, JSON.stringify(query));
    const body = (await response.json()) as { error: string; field: string };
    assert.equal(body.error, 'validation_error');
    assert.equal(body.field, 'cursor');
  }
});

test('a cursor of one list is not one of another', async () => {
  await addRefunds(service.pool, { customer_id: 'both', count: 2 });
  const { next } = await readPage(path({ customer_id: 'both', limit: 1 }));
  const response = await service.get((next ?? '').replace('/refunds', '/payments'));
  assert.equal(response.status, 400);
  assert.equal(((await response.json()) as { field: string }).field, 'cursor');
});

test('a cursor with any one character changed, or cut off anywhere, is refused', async () => {
  await addRefunds(service.pool, { customer_id: 'tampered', count: 2 });
  const { next } = await readPage(path({ customer_id: 'tampered', limit: 1 }));
  const cursor = new URL(next ?? '', service.url).searchParams.get('cursor') ?? '';
  assert.ok(cursor.length > 20);
  const changed = [...cursor].map(
    (character, at) => `${cursor.slice(0, at)}${character === 'A' ? 'B' : 'A'}${cursor.slice(at + 1)}`,
  );
  const cut = [...cursor].map((_, at) => cursor.slice(0, at));
  const stretched = [
    `${cursor}A`,
    `${cursor}=`,
    `${cursor} `,
    `${cursor}\n`,
    `${cursor}${cursor}`,
    'A'.repeat(513),
  ];
  for (const wrong of [...changed, ...cut, ...stretched]) {
    const response = await service.get(path({ customer_id: 'tampered', cursor: wrong }));
    assert.equal(response.status, 400, wrong);
    const body = (await response.json()) as { error: string; field: string };
    assert.deepEqual([body.error, body.field], ['validation_error', 'cursor'], wrong);
  }
  assert.equal((await service.get(path({ customer_id: 'tampered', cursor }))).status, 200);
  const twice = await service.get(`${path({ customer_id: 'tampered', cursor })}&cursor=${cursor}`);
  assert.equal(twice.status, 400);
});

for (const written of [
  '/v1/admin/refunds?customer_id=written&limit=1',
  '/v1/admin/refunds?%6cimit=1&&customer_id=%77ritten&',
  '/v1/%61dmin/refunds?customer_id=written&limit=1',
  'http://elsewhere.example/v1/admin/refunds?customer_id=written&limit=1',
  '/v1/admin/refunds#customer_id=written&limit=1',
]) {
  test(`asked as ${written} the link leads to the rest of the list, here`, async () => {
    const ids = await addRefunds(service.pool, { customer_id: 'written', count: 2 });
    const { access_token } = await service.issuer.mintToken({ scope: 'admin:refunds.read' });
    const { status, headers, body } = await sendRaw(
      service.port,
      `GET ${written} HTTP/1.1\r\nHost: payments\r\nConnection: close\r\nAuthorization: Bearer ${access_token}\r\n\r\n`,
    );
    assert.equal(status, 200, body);
    const [, next] = /^<(\/[^>]*)>; rel="next"$/.exec(headers.get('link') ?? '') ?? [];
    assert.match(next ?? '', /^\/v1\/admin\/refunds\?/);
    assert.equal((await readPage(next ?? '')).ids[0], ids[1]);
    await service.pool.query("DELETE FROM refunds WHERE customer_id = 'written'");
  });
}
