/** How an operation is called on a laptop's world: what has to be found first, and what is sent. */
interface Call {
  /** Whose token it is; a service's where it is left out. */
  as?: string;
  /** Scopes beside the operation's own, for what is found or made first. */
  scope?: string;
  /** Lines that come first. */
  before?: string[];
  /** The query, as it is written. */
  query?: string;
  /** The body; `$NAME` in it is a shell variable. */
  body?: object;
  /** Instead of all that. */
  lines?: string[];
}

const READ = 'admin:refunds.read admin:payments.read';

/** A shell variable from the first field of that name in what an address answers. */
const find = (name: string, address: string, field: string): string =>
  `${name}=$(curl -s "$URL${address}" -H "Authorization: Bearer $TOKEN" | grep -o '"${field}":"[^"]*"' | head -1 | cut -d'"' -f4)`;

const REFUND = find('REFUND_ID', '/v1/admin/refunds?limit=1', 'refund_id');
const AWAITING = find('REFUND_ID', '/v1/admin/refunds?status=awaiting_approval&limit=1', 'refund_id');
const PAYMENT = find(
  'PAYMENT_ID',
  '/v1/admin/payments?status=succeeded&refunded=false&limit=1',
  'payment_id',
);
const BATCH = `BATCH_ID=$(curl -s "$URL/v1/admin/refund-batches" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{"rows":[{"payment_id":"'$PAYMENT_ID'","amount_cents":1,"reason":"goodwill"}]}' | grep -o '"batch_id":"[^"]*"' | cut -d'"' -f4)`;
const ENDPOINT = `ENDPOINT_ID=$(curl -s "$URL/v1/admin/event-endpoints" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{"url":"https://shop.example/events","event_types":["refund.*"]}' | grep -o '"endpoint_id":"[^"]*"' | cut -d'"' -f4)`;
const EVENT = `EVENT_ID=$(curl -s -X POST "$URL/v1/admin/event-endpoints/$ENDPOINT_ID/test" -H "Authorization: Bearer $TOKEN" | grep -o '"event_id":"[^"]*"' | cut -d'"' -f4)`;

const ofBatch: Call = { scope: `${READ} admin:refunds.issue`, before: [PAYMENT, BATCH] };
const ofEndpoint: Call = { scope: 'admin:events', before: [ENDPOINT] };
const ofEvent: Call = { scope: 'admin:events', before: [ENDPOINT, EVENT] };

const ADDRESS = `URL=\${PAYMENTS_URL:-http://127.0.0.1:8080}`;

/** Signed as Stripe signs it (https://docs.stripe.com/webhooks#verify-manually). */
const SIGNED = [
  ADDRESS,
  "SECRET=$(npm run -s local -- env | grep '^STRIPE_WEBHOOK_SECRET=' | cut -d= -f2)",
  `BODY='{"id":"evt_of_an_example","object":"event","type":"charge.updated","created":1769868300,"livemode":false,"data":{"object":{"id":"ch_of_nobody","object":"charge"}}}'`,
  'NOW=$(date +%s)',
  `SIGNATURE=$(node -p 'crypto.createHmac("sha256", process.argv[1]).update(process.argv[2]).digest("hex")' "$SECRET" "$NOW.$BODY")`,
  `curl -X POST "$URL/v1/webhooks/stripe" \\\n  -H "Stripe-Signature: t=$NOW,v1=$SIGNATURE" \\\n  -H "Content-Type: application/json" \\\n  -d "$BODY"`,
];

/** Operations that take more than a token. */
const CALLS: Record<string, Call> = {
  receiveStripeEvent: { lines: SIGNED },
  listRefunds: { query: '?limit=2' },
  listRefundsDetailed: { query: '?status=succeeded&limit=2' },
  issueRefund: {
    scope: READ,
    before: [PAYMENT],
    body: { payment_id: '$PAYMENT_ID', amount_cents: 100, reason: 'goodwill' },
  },
  issueRefundOfPayment: {
    scope: READ,
    before: [PAYMENT],
    body: { payment_id: '$PAYMENT_ID', amount_cents: 100, reason: 'goodwill' },
  },
  getRefund: { before: [REFUND] },
  approveRefund: { as: 'approver', scope: READ, before: [AWAITING] },
  rejectRefund: {
    as: 'approver',
    scope: READ,
    before: [AWAITING],
    body: { note: 'It was refunded in cash.' },
  },
  cancelRefund: { scope: READ, before: [AWAITING] },
  syncRefund: { scope: READ, before: [REFUND] },
  resolveRefund: {
    scope: READ,
    before: [find('REFUND_ID', '/v1/admin/refunds?needs_attention=true&limit=1', 'refund_id')],
    body: { resolution: 'paid_otherwise', reference: 'bank transfer 4711' },
  },
  getPayment: { scope: READ, before: [PAYMENT.replace('PAYMENT_ID=', 'ID=')] },
  getPaymentDetail: { before: [PAYMENT] },
  listPayments: { query: '?status=succeeded&refunded=false&limit=2' },
  createRefundBatch: {
    scope: READ,
    before: [PAYMENT],
    body: {
      name: 'Concert, called off',
      rows: [{ payment_id: '$PAYMENT_ID', amount_cents: 1, reason: 'canceled_order' }],
    },
  },
  getRefundBatch: ofBatch,
  listRefundBatchRows: ofBatch,
  runRefundBatch: ofBatch,
  stopRefundBatch: {
    ...ofBatch,
    before: [
      ...(ofBatch.before ?? []),
      'curl -s -X POST "$URL/v1/admin/refund-batches/$BATCH_ID/run" -H "Authorization: Bearer $TOKEN" > /dev/null',
    ],
  },
  listDisputes: { query: '?brand_id=default&limit=2' },
  getDispute: { before: [find('ID', '/v1/admin/disputes?brand_id=default&limit=1', 'id')] },
  search: { scope: READ, before: [REFUND], query: '?q=$REFUND_ID' },
  getCustomer: { scope: READ, before: [find('CUSTOMER_ID', '/v1/admin/payments?limit=1', 'customer_id')] },
  summarizeRefunds: { query: '?currency=eur' },
  analyzeRefunds: { query: '?currency=eur' },
  exportRefunds: { query: '?format=ndjson&status=failed' },
  listAudit: { query: '?limit=2' },
  replayStripeEvent: {
    scope: 'admin:operations.read',
    before: [find('EVENT_ID', '/v1/admin/webhook-events?limit=1', 'event_id')],
    body: { event_id: '$EVENT_ID' },
  },
  listStripeEvents: { query: '?status=unmatched&limit=2' },
  startReconcileRun: { body: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' } },
  listReconcileDifferences: { query: '?open=true&limit=2' },
  closeReconcileDifference: {
    before: [find('DIFFERENCE_ID', '/v1/admin/reconcile-differences?open=true&limit=1', 'difference_id')],
    body: { note: 'Booked by hand in the ledger.' },
  },
  createEventEndpoint: { body: { url: 'https://shop.example/events', event_types: ['refund.*'] } },
  getEventEndpoint: ofEndpoint,
  updateEventEndpoint: { ...ofEndpoint, body: { event_types: ['refund.*', 'dispute.opened.v1'] } },
  deleteEventEndpoint: ofEndpoint,
  getEventEndpointSecret: ofEndpoint,
  rotateEventEndpointSecret: { ...ofEndpoint, body: { former_lives_hours: 24 } },
  testEventEndpoint: ofEndpoint,
  resendFailedEvents: { ...ofEndpoint, body: { since: '2026-01-01T00:00:00Z' } },
  listEventDeliveries: { query: '?status=failed&limit=2' },
  getEventDelivery: ofEvent,
  resendEvent: ofEvent,
};

/**
 * A call of an operation as it can be pasted into a shell beside a world that `npm start` has brought up (Bash or another POSIX shell), from
 * where it was brought up.
 *
 * @param path as the document writes it, e.g. `/v1/admin/refunds/{refund_id}`
 */
export function writeCall(
  operationId: string,
  method: string,
  path: string,
  scopes: readonly string[],
): string {
  const { as, scope = '', before = [], query = '', body, lines: all } = CALLS[operationId] ?? {};
  if (all !== undefined) return all.join('\n');
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `$${name.toUpperCase()}`);
  const asked = [...new Set([...scopes, ...scope.split(' ').filter((one) => one !== '')])].join(' ');
  const changes = method !== 'GET';
  const lines = [
    ADDRESS,
    ...(scopes.length === 0
      ? []
      : [`TOKEN=$(npm run -s token -- --scope "${asked}"${as === undefined ? '' : ` --as ${as}`})`]),
    ...before,
    [
      `curl${changes ? ` -X ${method}` : ''} "$URL${address}${query}"`,
      ...(scopes.length === 0 ? [] : ['-H "Authorization: Bearer $TOKEN"']),
      ...(changes && scopes.length > 0 ? [`-H "Idempotency-Key: $(node -p 'crypto.randomUUID()')"`] : []),
      ...(body === undefined ? [] : ['-H "Content-Type: application/json"', `-d '${writeBody(body)}'`]),
    ].join(' \\\n  '),
  ];
  return lines.join('\n');
}

/** Between the quotes of a shell, out of which variables step. */
const writeBody = (body: object): string =>
  JSON.stringify(body).replaceAll(/\$[A-Z_]+/g, (name) => `'${name}'`);
