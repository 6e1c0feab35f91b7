/** A guard that is taken out, and the tests of which one at least has to notice. */
export interface Mutation {
  /** What is taken out. */
  name: string;
  /** Below service/src/. */
  file: string;
  /** What stands there, once, and what stands there instead. */
  find: string;
  replace: string;
  /** Parts of the paths of test files. */
  tests: readonly string[];
}

const CORE = ['refunds/issue.slow.test', 'refunds/settle.test', 'refunds/unlucky.test'];

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "the payment's lock when deciding (FOR UPDATE)",
    file: 'payments/queries.ts',
    find: ' = $2 AND brand_id = $1 FOR UPDATE`',
    replace: ' = $2 AND brand_id = $1`',
    tests: [...CORE, 'test/races.test'],
  },
  {
    name: 'the check that what is refunded and on its way is no more than captured',
    file: 'database/migrations/0001_books.sql',
    find: 'AND reserved_cents + refunded_cents <= captured_cents',
    replace: '',
    tests: CORE,
  },
  {
    name: "the key's uniqueness",
    file: 'database/migrations/0003_issuing.sql',
    find: '  PRIMARY KEY (idempotency_key, brand_id, actor_id, actor_type, operation),\n',
    replace: '',
    tests: ['idempotency/answer.test', 'idempotency/key.test'],
  },
  {
    name: 'the fingerprint of what a key was used for',
    file: 'idempotency/answer.ts',
    find: 'if (!known.fingerprint.equals(key.fingerprint)) {',
    replace: 'if (known.fingerprint.length === 0) {',
    tests: ['idempotency/answer.test', 'idempotency/key.test'],
  },
  {
    name: 'the look-up before anything is sent again',
    file: 'refunds/recover.ts',
    find: 'const looked = await deps.provider.findRefund(order);',
    replace:
      "const looked = { ...(await deps.provider.findRefund(order)), outcome: 'missing' } as Awaited<ReturnType<typeof deps.provider.findRefund>>;",
    tests: ['refunds/recover.test'],
  },
  {
    name: "the end of the key's life, after which nothing is sent",
    file: 'refunds/submit.ts',
    find: 'export const KEY_LIVES_s = 23 * 3_600;',
    replace: 'export const KEY_LIVES_s = 2_300 * 3_600;',
    tests: ['refunds/recover.test', 'refunds/unlucky.test', 'stripe/provider.test'],
  },
  {
    name: 'one idempotency key for one refund, however often it is sent',
    file: 'stripe/provider.ts',
    find: 'idempotencyKey: order.refund_id',
    replace: 'idempotencyKey: order.refund_id + Math.random()',
    tests: ['refunds/recover.test', 'stripe/provider.test', 'idempotency/answer.test'],
  },
  {
    name: 'what is not certain is unknown, and not refused',
    file: 'stripe/provider.ts',
    find: "if (!refused) return { outcome: 'unknown' };",
    replace: '',
    tests: ['refunds/recover.test', 'stripe/provider.test'],
  },
  {
    name: "knowing a refund of ours by its id in Stripe's metadata",
    file: 'stripe/translate.ts',
    find: "refund_id: metadataValue(refund.metadata, 'refund_id'),",
    replace: 'refund_id: null,',
    tests: ['refunds/recover.test', 'refunds/issue.slow.test', 'refunds/unlucky.test'],
  },
  {
    name: 'the duplicate-event guard',
    file: 'database/migrations/0002_inbox.sql',
    find: 'stripe_event_id   text NOT NULL UNIQUE',
    replace: 'stripe_event_id   text NOT NULL',
    tests: ['stripe/inbox.slow.test', 'stripe/webhook.test'],
  },
  {
    name: 'nobody approves what they asked for (in the code)',
    file: 'refunds/approve.ts',
    find: 'if (refund.requested_by_id === principal.actor_id && refund.requested_by_type === principal.actor_type) {',
    replace: "if (refund.requested_by_id === '') {",
    tests: ['refunds/approve.test'],
  },
  {
    name: 'nobody approves what they asked for (in the database)',
    file: 'database/migrations/0003_issuing.sql',
    find: 'approved_by_id IS NULL OR (approved_by_type',
    replace: 'true OR (approved_by_type',
    tests: ['refunds/approve.test'],
  },
  {
    name: 'the guard against a double click',
    file: 'refunds/issue.ts',
    find: 'const REPEAT_WITHIN_s = 300;',
    replace: 'const REPEAT_WITHIN_s = 0;',
    tests: ['refunds/issue.slow.test'],
  },
  {
    name: 'the look at disputes',
    file: 'refunds/issue.ts',
    find: 'findBlockingDispute(tx, command),',
    replace: 'Promise.resolve(undefined),',
    tests: ['refunds/issue.slow.test'],
  },
  {
    name: 'the release of what a refused refund held',
    file: 'refunds/refund.ts',
    find: '  failed: null,\n  canceled: null,\n};',
    replace: "  failed: 'reserved',\n  canceled: null,\n};",
    tests: ['refunds/settle.test', 'refunds/issue.slow.test'],
  },
  {
    name: 'what is owed after a late failure',
    file: 'refunds/settle.ts',
    find: 'owed_cents: ended ? known.amount_cents : known.owed_cents,',
    replace: 'owed_cents: known.owed_cents,',
    tests: ['refunds/resolve.test', 'refunds/settle.test'],
  },
  {
    name: 'the event that goes with a transition',
    file: 'refunds/history.ts',
    find: "SELECT $14, $15, $3, 'refund', $1, $16, occurred_at, transition_id FROM transition",
    replace:
      "SELECT $14, $15, $3, 'refund', $1, $16, occurred_at, transition_id FROM transition WHERE $15 <> 'refund.requested.v1'",
    tests: CORE,
  },
  {
    name: 'an older answer changes nothing',
    file: 'refunds/settle.ts',
    find: 'if (known.observed_at !== null && observation.observed_at < known.observed_at) return unchanged;',
    replace: '',
    tests: ['refunds/settle.test', 'refunds/unlucky.test', 'stripe/apply.test'],
  },
  {
    name: 'the limit of refused tokens, before the issuer is asked',
    file: 'access/guard.ts',
    find: 'tokens.lookUp(bearerToken(request.raw), () => failures.refuseBeyond(request.ip))',
    replace: 'tokens.lookUp(bearerToken(request.raw))',
    tests: ['access/failures.test'],
  },
  {
    name: 'the limit of guessed sessions, before the database is asked',
    file: 'access/guard.ts',
    find: 'sessions.find(name, () => failures.refuseBeyond(request.ip))',
    replace: 'sessions.find(name)',
    tests: ['access/sessions/sign-in.test'],
  },
  {
    name: 'the signature of an ID token',
    file: 'access/sessions/relying-party.ts',
    find: 'await oauth.validateApplicationLevelSignature(',
    replace: 'await Promise.resolve(',
    tests: ['access/sessions/relying-party.test'],
  },
  {
    name: 'that an ID token is signed in one of the ways that are taken',
    file: 'access/sessions/relying-party.ts',
    find: 'offered.filter((signature) => allowed.includes(signature))',
    replace: 'offered',
    tests: ['access/sessions/relying-party.test'],
  },
  {
    name: 'that a token known to be good is not refused with the guesses',
    file: 'access/tokens.ts',
    find: 'if (!wasGood.has(digest)) ifUnknown?.();',
    replace: 'ifUnknown?.();',
    tests: ['access/failures.test'],
  },
  {
    name: 'that nothing is done of what follows a doubtful request',
    file: 'http/connections.ts',
    find: 'doubted.set(request.socket, doubt);',
    replace: '',
    tests: ['http/connections.slow.test'],
  },
  {
    name: 'that instances that tell of the same keys write them in one order',
    file: 'rates/queries.ts',
    find: '   ORDER BY 1, 2\n',
    replace: '',
    tests: ['rates/rates.test'],
  },
  {
    name: 'the limit of an address',
    file: 'http/limits.ts',
    find: 'const left = Math.min(ofClient.left, ofAddress.left);',
    replace: 'const left = ofClient.left;',
    tests: ['http/limits.slow.test'],
  },
  {
    name: 'that whoever seals the audit log waits for those who write to it',
    file: 'audit/seal-queries.ts',
    find: 'return rows.map(({ virtualtransaction }) => virtualtransaction);',
    replace: 'return [];',
    tests: ['audit/seal'],
  },
  {
    name: 'the link in the audit log from a seal to the one before',
    file: 'audit/canonical.ts',
    find: "    previous_hash.toString('hex'),\n",
    replace: '',
    tests: ['audit/seal', 'audit/verify'],
  },
  {
    name: 'one column of the audit log in what is sealed',
    file: 'audit/canonical.ts',
    find: '        row.ip_address,\n',
    replace: '',
    tests: ['audit/seal', 'audit/verify'],
  },
  {
    name: 'that nothing is shown that the audit log cannot take',
    file: 'audit/read-log.ts',
    find: 'if (waiting.length < waiting_max) return true;',
    replace: 'if (waiting_max > 0) return true;',
    tests: ['audit/read-log'],
  },
  {
    name: 'what the audit log keeps of a look',
    file: 'audit/reads.ts',
    find: 'reads.add(describe(request, audited, status));',
    replace: 'describe(request, audited, status);',
    tests: ['audit/read-log', 'audit/routes'],
  },
  {
    name: 'that the audit log does not keep what was looked for in free text',
    file: 'audit/reads.ts',
    find: 'audited.withheld?.includes(name) !== true && ',
    replace: '',
    tests: ['audit/reads'],
  },
  {
    name: 'that a dispute is told of before a refund is asked for',
    file: 'refunds/refundable.ts',
    find: 'findBlockingDispute(tx, { payment_id: paymentId }),',
    replace: 'Promise.resolve(undefined),',
    tests: ['refunds/refundable'],
  },
  {
    name: 'that a payment and its refunds are shown of one moment',
    file: 'refunds/refundable.ts',
    find: "text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',",
    replace: "text: 'SET TRANSACTION READ ONLY',",
    tests: ['refunds/refundable'],
  },
  {
    name: 'that with what was paid goes with an erased customer',
    file: 'payments/observe.ts',
    find: '  ...PAID_WITH_UNKNOWN,\n',
    replace: '',
    tests: ['erasure/erase'],
  },
  {
    name: 'that a brand sees events of its own objects only',
    file: 'stripe/event-list.ts',
    find: '  narrow(OF_BRAND, filters.brand_id);\n',
    replace: '',
    tests: ['stripe/event-list'],
  },
  {
    name: 'that what somebody has settled stays settled',
    file: 'stripe/reconcile/queries.ts',
    find: 'WHERE NOT EXISTS (SELECT FROM settled)',
    replace: 'WHERE true',
    tests: ['reconcile/routes'],
  },
  {
    name: 'that one reconciliation is asked for at a time',
    file: 'stripe/reconcile/request.ts',
    find: "      if (await queries.isQueued(tx)) return 'taken';\n",
    replace: '',
    tests: ['reconcile/routes'],
  },
];
