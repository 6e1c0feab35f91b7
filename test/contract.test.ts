import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { openApiDocument } from '../service/src/openapi.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { makePayment } from './support/make.ts';
import { readPageResponses } from './support/page.ts';

/** The parts of an OpenAPI document that these tests read. */
interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  security?: Record<string, string[]>[];
  responses: Record<
    string,
    { description: string; content?: Record<string, { schema?: object; example?: unknown }> }
  >;
  parameters?: { name: string; in: string; description?: string; schema: Record<string, unknown> }[];
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

const committed = readFileSync(new URL('../openapi.json', import.meta.url), 'utf8');
const document = JSON.parse(committed) as Document;
const operation = document.paths['/v1/admin/refunds']?.get;
const page = readPageResponses();
const ajv = formats.default(new Ajv2020({ strict: false }));

let service: TestApp;
before(async () => {
  service = await startTestApp();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

test('openapi.json in the repository is, to the letter, the document that the service serves', async () => {
  assert.equal(await openApiDocument(), committed, 'out of date: npm run openapi');
  const served = await service.get('/openapi.json');
  assert.deepEqual(await served.json(), document);
});

test("the page's responses stand in openapi.json with the page's schemas, nothing added and nothing left out", () => {
  assert.deepEqual(
    page.map(({ status }) => status),
    ['200', '401', '403'],
  );
  for (const { status, description, schema } of page) {
    const response = operation?.responses[status];
    assert.equal(response?.description, description);
    const declared = response?.content?.['application/json']?.schema as { required?: string[] } | undefined;
    assert.deepEqual(normal(declared), normal(schema));
  }
});

/** The order of `required` and of keys means nothing in JSON Schema. */
function normal(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(normal);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'required' ? [...value].sort() : normal(value),
    ]),
  );
}

test("live answers, full and empty, are what the page's schema says, with nothing beyond it", async () => {
  await makePayment(service.pool, {
    customer_id: 'customer_contract',
    refunds: [
      { status: 'succeeded' },
      { status: 'pending', reason: null },
      { status: 'failed' },
      { charge_id: null },
    ],
  });
  const validate = ajv.compile(page[0]?.schema ?? false);
  for (const query of [
    '',
    '?customer_id=customer_contract',
    '?customer_id=nobody',
    '?limit=1',
    '?limit=100',
  ]) {
    const response = await service.get(`/v1/admin/refunds${query}`);
    assert.equal(response.status, 200);
    const body = (await response.json()) as { refunds: Record<string, unknown>[] };
    assert.ok(validate(body), JSON.stringify(validate.errors));
    assert.deepEqual(Object.keys(body), ['refunds']);
    for (const refund of body.refunds) {
      assert.deepEqual(Object.keys(refund), [
        'refund_id',
        'payment_id',
        'charge_id',
        'customer_id',
        'amount_cents',
        'status',
        'reason',
        'stripe_refund_id',
        'created_at',
      ]);
      assert.match(String(refund.created_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  }
});

test("refusals are what the page's schema says: 401 without a token, 403 without the scope", async () => {
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:disputes.read' });
  const refusals = {
    '401': await fetch(`${service.url}/v1/admin/refunds`),
    '403': await service.get('/v1/admin/refunds', { authorization: `Bearer ${access_token}` }),
  };
  for (const [status, response] of Object.entries(refusals)) {
    assert.equal(String(response.status), status);
    const validate = ajv.compile(page.find((one) => one.status === status)?.schema ?? false);
    const body = (await response.json()) as Record<string, unknown>;
    assert.ok(validate(body), JSON.stringify(validate.errors));
    assert.deepEqual(Object.keys(body), ['error', 'message']);
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer realm=/);
  }
});

test("the page's parameters are there by their names and types, and none is required", () => {
  const parameters = operation?.parameters ?? [];
  assert.deepEqual(parameters.find(({ name }) => name === 'customer_id')?.schema.type, 'string');
  assert.deepEqual(parameters.find(({ name }) => name === 'limit')?.schema.type, 'integer');
  assert.deepEqual(
    parameters.filter((parameter) => 'required' in parameter && parameter.required === true),
    [],
  );
});

for (const [path, methods] of Object.entries(document.paths)) {
  for (const [method, declared] of Object.entries(methods)) {
    test(`${method.toUpperCase()} ${path} declares its operation: id, sentences, scopes, parameters, answers with examples`, () => {
      assert.match(declared.operationId ?? '', /^[a-z][A-Za-z]+$/);
      assert.ok(declared.summary);
      assert.ok(declared.description);
      const open = ['/healthz', '/readyz', '/metrics', '/v1/webhooks/stripe'].includes(path);
      assert.equal(declared.security?.length === 0, open, 'only these are open to all');
      for (const entry of declared.security ?? []) {
        assert.ok(entry.accessToken?.length);
        for (const scope of entry.accessToken)
          assert.match(scope, /^(admin|read|write):[a-z_]+(\.[a-z_]+)?$/);
      }
      for (const parameter of declared.parameters ?? []) assert.ok(parameter.description, parameter.name);
      const examples = Object.entries(declared.responses).flatMap(([status, { content = {} }]) =>
        Object.entries(content)
          .filter(([type]) => type.endsWith('json'))
          .map(([, { schema, example }]) => ({ status, schema, example })),
      );
      for (const { status, schema, example } of examples) {
        assert.notEqual(example, undefined, `${status} has no example`);
        const validate = ajv.compile(schema ?? false);
        assert.ok(validate(example), `${status}: ${JSON.stringify(validate.errors)}`);
      }
      if (!open) {
        assert.ok(
          ['200', '201', '202'].some((status) => declared.responses[status]),
          'success',
        );
        for (const status of ['400', '401', '403', '429', '500', '503'])
          assert.ok(declared.responses[status], status);
      }
    });
  }
}
