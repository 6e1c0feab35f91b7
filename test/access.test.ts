import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PEOPLE } from '../local/issuer/people.ts';
import { DEFAULT_ROLES } from '../service/src/access/roles.ts';
import { grants, SCOPES } from '../service/src/access/scopes.ts';
import { readDeclared } from './support/declared.ts';
import { type IssuingWorld, startIssuing } from './support/issuing.ts';
import { addressOf, type Call, type Operation, readOperations } from './support/operations.ts';

const OPERATIONS = readOperations();
const GUARDED = OPERATIONS.filter(({ scopes }) => scopes.length > 0);

/** How each operation is called here; one that is not in this table fails the first test. Nothing that they name exists. */
const CALLS: Record<string, Call> = {
  listRefunds: {},
  listRefundReasons: {},
  getRefund: { path: { refund_id: 'refund_none' } },
  issueRefund: { body: { payment_id: 'payment_none', amount_cents: 100 } },
  issueRefundOfPayment: { body: { payment_id: 'payment_none', amount_cents: 100 } },
  approveRefund: { path: { refund_id: 'refund_none' } },
  rejectRefund: { path: { refund_id: 'refund_none' } },
  cancelRefund: { path: { refund_id: 'refund_none' } },
  syncRefund: { path: { refund_id: 'refund_none' } },
  resolveRefund: { path: { refund_id: 'refund_none' }, body: { resolution: 'not_owed' } },
  getPayment: { path: { id: 'payment_none' } },
  listPayments: {},
  listDisputes: { query: { brand_id: 'default' } },
  getDispute: { path: { id: 'dispute_none' } },
  listAudit: {},
  exportAudit: { query: { entity_id: 'nothing' } },
  replayStripeEvent: { body: { event_id: 'evt_none' } },
};
/** Open to everybody: for operators, and signed by Stripe. */
const OPEN = ['getMetrics', 'getHealth', 'getReadiness', 'receiveStripeEvent'];

let world: IssuingWorld;
before(async () => {
  world = await startIssuing();
});
after(() => world[Symbol.asyncDispose]());

const send = (operation: Operation, authorization: string | undefined) => {
  const call = CALLS[operation.operationId] ?? {};
  return fetch(`${world.url}${addressOf(operation, call)}`, {
    method: operation.method.toUpperCase(),
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  });
};
const mint = async (request: Parameters<typeof world.issuer.mintToken>[0]) =>
  `Bearer ${(await world.issuer.mintToken(request)).access_token}`;

const opens = (scopes: Iterable<string>, { scopes: alternatives }: Operation) => {
  const granted = new Set(scopes);
  return alternatives.some((needed) => needed.every((scope) => grants(granted, scope)));
};

/** Where somebody is let in, the answer is what the operation says of what does not exist. */
async function assertLetIn(operation: Operation, response: Response): Promise<void> {
  const { operationId, path, method } = operation;
  assert.ok(
    ![401, 403].includes(response.status),
    `${operationId}: ${response.status} ${await response.clone().text()}`,
  );
  assert.ok(response.status < 500, `${operationId}: ${response.status}`);
  if (operationId !== 'exportAudit') await readDeclared(path, response, method);
}

async function assertRefused(
  operation: Operation,
  response: Response,
  status: number,
  error: string,
): Promise<void> {
  const { operationId, path, method } = operation;
  assert.equal(response.status, status, operationId);
  assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer realm="payments"/, operationId);
  const body = await readDeclared<{ error: string }>(path, response, method);
  assert.equal(body.error, error, operationId);
}

/** Everything that a call could have changed; what is counted and looked at is written down in any case. */
async function digest(): Promise<Record<string, string>> {
  const { rows: tables } = await world.pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
       AND relname NOT IN ('audit_log', 'audit_seals', 'rates') AND relname NOT LIKE 'rate%'`,
  );
  const digests = await Promise.all(
    tables.map(async ({ name }) => {
      const { rows } = await world.pool.query(
        `SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) AS md5 FROM ${name} t`,
      );
      return [name, rows[0].md5] as const;
    }),
  );
  return Object.fromEntries(digests);
}

test('every operation is either declared open or has an entry here, and nothing here is no operation', () => {
  const guarded = GUARDED.map(({ operationId }) => operationId).sort();
  assert.deepEqual(guarded, Object.keys(CALLS).sort());
  const open = OPERATIONS.filter(({ scopes }) => scopes.length === 0).map(({ operationId }) => operationId);
  assert.deepEqual(open.sort(), OPEN.toSorted());
});

test('every scope that an operation asks for is one of the catalogue, and every scope of the catalogue opens something', () => {
  const asked = new Set(GUARDED.flatMap(({ scopes }) => scopes.flat()));
  assert.deepEqual([...asked].sort(), Object.keys(SCOPES).sort());
});

for (const operation of GUARDED) {
  const { operationId, scopes: alternatives } = operation;

  test(`${operationId} is refused without a token, with one that is unknown, dead, for somebody else or malformed, and says how to bring one`, async () => {
    const scope = alternatives.flat().join(' ');
    await assertRefused(operation, await send(operation, undefined), 401, 'unauthenticated');
    for (const token of [
      'Bearer lph_at_nobody_made_this',
      await mint({ scope, expires_in_s: -1 }),
      await mint({ scope, audience: 'urn:other' }),
    ]) {
      await assertRefused(operation, await send(operation, token), 401, 'invalid_token');
    }
    await assertRefused(operation, await send(operation, 'Bearer two words'), 400, 'validation_error');
    await assertRefused(operation, await send(operation, 'Basic cGF5bWVudHM6'), 401, 'unauthenticated');
  });

  test(`${operationId} is open to each scope that it declares, and to none of the others`, async () => {
    const before = await digest();
    for (const scope of Object.keys(SCOPES)) {
      const response = await send(operation, await mint({ scope }));
      if (opens([scope], operation)) await assertLetIn(operation, response);
      else await assertRefused(operation, response, 403, 'insufficient_scope');
    }
    assert.deepEqual(await digest(), before, 'nothing that does not exist was changed, and nothing else');
  });

  for (const { id, scopes } of PEOPLE) {
    const role = Object.hasOwn(DEFAULT_ROLES, id) ? DEFAULT_ROLES[id as keyof typeof DEFAULT_ROLES] : [];
    const allowed = opens(role, operation) && opens(scopes, operation);
    test(`${operationId} is ${allowed ? 'open' : 'closed'} to somebody who is ${id}`, async () => {
      const response = await send(operation, await mint({ as: id }));
      if (allowed) await assertLetIn(operation, response);
      else await assertRefused(operation, response, 403, 'insufficient_scope');
    });
  }
}
