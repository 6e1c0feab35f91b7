import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

test('the reference loads from this service only, and a browser is told to refuse anything else', async () => {
  const response = await fetch(`${service.url}/reference`);
  assert.equal(response.status, 200);
  const policy = response.headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'/);
  assert.doesNotMatch(policy, /https?:|\*/);
  const html = await response.text();
  const loaded = [...html.matchAll(/<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"/g)].map(
    ([, address]) => address ?? '',
  );
  assert.ok(loaded.length > 0, 'the page loads its script');
  for (const address of loaded) {
    const url = new URL(address, response.url);
    assert.equal(url.origin, service.url);
    const script = await fetch(url);
    assert.equal(script.status, 200, url.href);
    assert.ok((await script.text()).length > 100_000, 'the script is the real one');
  }
});

interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: { name: string; description?: string }[];
  responses: Record<
    string,
    { description?: string; content?: Record<string, { schema?: object; example?: unknown }> }
  >;
}

async function readOperations(): Promise<[name: string, operation: Operation][]> {
  const response = await fetch(`${service.url}/openapi.json`);
  assert.equal(response.status, 200);
  const { openapi, paths } = (await response.json()) as {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
  };
  assert.match(openapi, /^3\.1\./);
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
}

test('every operation says in the document what it is, who may call it, and how it fails, with examples', async () => {
  const operations = await readOperations();
  const ids = operations.map(([, operation]) => operation.operationId);
  assert.equal(new Set(ids).size, operations.length, ids.join());
  for (const [name, operation] of operations) {
    const { operationId, summary, description, tags, security, parameters = [], responses } = operation;
    assert.ok(operationId && summary && description && tags?.length === 1, name);
    assert.ok(security !== undefined, `${name} does not say who may call it`);
    for (const parameter of parameters) assert.ok(parameter.description, `${name}: ${parameter.name}`);
    for (const [status, response] of Object.entries(responses)) {
      assert.ok(response.description, `${name} ${status}`);
      for (const content of Object.values(response.content ?? {}))
        assert.ok(content.schema, `${name} ${status}`);
    }
    if (security.length === 0) continue;
    const scopes = security.flatMap((entry) => Object.values(entry).flat());
    assert.ok(scopes.length > 0, `${name} needs a scope`);
    for (const scope of scopes) assert.match(description, new RegExp(scope.replaceAll('.', '\\.')), name);
    for (const status of ['400', '401', '403', '429', '500', '503']) {
      const example = responses[status]?.content?.['application/json']?.example as
        | Record<string, string>
        | undefined;
      assert.match(example?.message ?? '', /[.]$/, `${name} ${status}`);
    }
  }
});

/** The addresses that the router knows, from the tree that it prints: a level is four characters deep. */
function readAddresses(): string[] {
  const parts: string[] = [];
  const addresses: string[] = [];
  for (const line of service.app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', part, methods] = /^((?:[│ ] {3})*)[├└]── (\S*)( \(.*\))?/.exec(line) ?? [];
    if (part === undefined) continue;
    parts.length = indent.length / 4;
    parts.push(part);
    if (methods !== undefined) addresses.push(parts.join(''));
  }
  return addresses;
}

test('every address that is answered is in the document, but for the document itself, its pages and the console', async () => {
  const operations = await readOperations();
  const documented = [
    ...new Set(operations.map(([name]) => name.split(' ')[1]?.replace(/\{(\w+)\}/g, ':$1'))),
  ];
  const served = readAddresses().filter(
    (address) => !/^\/($|openapi\.json|asyncapi\.json|reference|console|docs)/.test(address),
  );
  assert.ok(served.includes('/v1/admin/refunds/:refund_id'), served.join());
  assert.deepEqual(served.sort(), documented.sort());
});
