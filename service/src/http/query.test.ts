import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';
import { addRefunds } from '../../../test/support/rows.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

interface Answer {
  error: string;
  message: string;
  field?: string;
  refunds?: { customer_id: string }[];
}

async function ask(query: string): Promise<{ status: number; body: Answer }> {
  const response = await service.get(`/v1/admin/refunds${query}`);
  return { status: response.status, body: (await response.json()) as Answer };
}

for (const limit of [
  '0',
  '-1',
  '101',
  '1.5',
  '1e2',
  'abc',
  '',
  '%205',
  '+5',
  '5%20',
  '0x5',
  '٥',
  '9'.repeat(30),
  '5,5',
  'null',
]) {
  test(`limit=${limit} is refused with a sentence that names limit and its bounds`, async () => {
    const { status, body } = await ask(`?limit=${limit}`);
    assert.equal(status, 400);
    assert.deepEqual(body, {
      error: 'validation_error',
      message: 'limit has to be a whole number from 1 to 100, in digits.',
      field: 'limit',
    });
  });
}

for (const limit of ['1', '100', '007']) {
  test(`limit=${limit} is a number`, async () => {
    assert.equal((await ask(`?limit=${limit}`)).status, 200);
  });
}

for (const query of ['?limit=5&limit=5', '?customer_id=a&limit=5&customer_id=b']) {
  test(`${query}: a parameter given twice is refused, not guessed at`, async () => {
    const { status, body } = await ask(query);
    assert.equal(status, 400);
    assert.equal(body.error, 'validation_error');
    assert.match(body.message, new RegExp(`^${body.field} is given more than once[.]$`));
  });
}

for (const name of [
  'custmer_id',
  'customerId',
  'CUSTOMER_ID',
  'customer_id[]',
  'offset',
  'brand_id',
  'access_token',
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
]) {
  test(`an unknown parameter ${name} is refused, and the known ones are named: it must not list everybody`, async () => {
    const { status, body } = await ask(`?${name}=1`);
    assert.equal(status, 400);
    assert.equal(body.field, name);
    assert.match(body.message, /Known are: customer_id, .*limit, cursor[.]$/);
  });
}

for (const name of ['%00', '%0d%0aX-Evil:%201', '%3Cscript%3E', 'a'.repeat(5_000), '%E2%80%AE', '']) {
  test(`an unknown parameter by the name of ${name.slice(0, 30)} is refused without being repeated`, async () => {
    const { status, body } = await ask(`?${name}=1`);
    assert.equal(status, 400);
    assert.equal(body.field, undefined);
    assert.match(body.message, /^Unknown parameter[.] Known are: customer_id/);
  });
}

for (const [what, value] of [
  ['empty', ''],
  ['of 7 kB', 'c'.repeat(7_000)],
  ['with a NUL', 'cus%001'],
  ['with a line break', 'cus%0A1'],
  ['of 501 characters', 'c'.repeat(501)],
] as const) {
  test(`a customer_id ${what} is refused, naming it and not repeating it`, async () => {
    const { status, body } = await ask(`?customer_id=${value}`);
    assert.equal(status, 400);
    assert.equal(body.error, 'validation_error');
    assert.equal(body.field, 'customer_id');
    assert.ok(body.message.length < 100, body.message);
  });
}

for (const value of ['%', '%zz', '100%', '%c3%28', '%ed%a0%80']) {
  test(`customer_id=${value} is not validly encoded: refused, not looked for as it stands`, async () => {
    const { status, body } = await ask(`?customer_id=${value}`);
    assert.equal(status, 400);
    assert.match(body.message, /not validly encoded/);
  });
}

for (const customer of [
  "'; drop table refunds; --",
  '100%',
  '%',
  '_',
  'Zoë 🦊 東京',
  'a?b&c=d#e/f',
  'a+b c',
  '\\',
  '$1',
  'null',
  '{}',
  'c'.repeat(255),
]) {
  test(`a customer by the name of ${customer.slice(0, 30)} has exactly their own refunds`, async () => {
    const before = await ask(`?customer_id=${encodeURIComponent(customer)}`);
    assert.deepEqual(before, { status: 200, body: { refunds: [] } });
    await addRefunds(service.pool, { customer_id: customer, count: 2 });
    const { status, body } = await ask(`?customer_id=${encodeURIComponent(customer)}`);
    assert.equal(status, 200);
    assert.deepEqual(
      body.refunds?.map((refund) => refund.customer_id),
      [customer, customer],
    );
  });
}

for (const [query, field] of [
  ['?status=paid', 'status'],
  ['?status=SUCCEEDED', 'status'],
  ['?amount_cents_gte=-1', 'amount_cents_gte'],
  ['?amount_cents_lte=1e3', 'amount_cents_lte'],
  ['?amount_cents_lte=12.50', 'amount_cents_lte'],
  ['?created_at_gte=yesterday', 'created_at_gte'],
  ['?created_at_gte=2026-02-30T00:00:00Z', 'created_at_gte'],
  ['?created_at_lt=2026-01-31', 'created_at_lt'],
  ['?created_at_lt=1767225600', 'created_at_lt'],
  ['?created_at_lt=2016-12-31T23:59:60Z', 'created_at_lt'],
  ['?cursor=', 'cursor'],
  ['?cursor=AAAA', 'cursor'],
] as const) {
  test(`${query} is refused with a sentence about ${field}`, async () => {
    const { status, body } = await ask(query);
    assert.equal(status, 400);
    assert.equal(body.error, 'validation_error');
    assert.equal(body.field, field);
    assert.match(body.message, new RegExp(`^${field} .*[.]$`));
  });
}
