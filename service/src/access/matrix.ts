import { DEFAULT_ROLES } from './roles.ts';
import { grants, SCOPES } from './scopes.ts';

interface Document {
  paths: Record<string, Record<string, { summary?: string; security?: Record<string, string[]>[] }>>;
}

/** Who may do what, as Markdown: made of what the operations declare and what the service enforces. */
export function describeAccess(openApi: string): string {
  const { paths } = JSON.parse(openApi) as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary = '', security = [] }]) => ({
      name: `\`${method.toUpperCase()} ${path}\``,
      summary,
      alternatives: security.flatMap((entry) => Object.values(entry)),
    })),
  );
  const roles = Object.entries(DEFAULT_ROLES).map(([role, scopes]) => ({
    role,
    granted: new Set<string>(scopes),
  }));
  const opens = (granted: ReadonlySet<string>, alternatives: readonly string[][]) =>
    alternatives.some((needed) => needed.every((scope) => grants(granted, scope)));
  const words = (alternatives: readonly string[][]) =>
    alternatives.map((needed) => `\`${needed.join(' ')}\``).join(' or ');

  return `# Who may do what

Made by \`npm run openapi\` from what the operations declare, which is what the service enforces; a test fails where this page says anything else.

## Operations and roles

A role is what the issuer says that a person is (\`OAUTH_ROLES_CLAIM\`); these are the defaults of \`ROLE_SCOPES\`. A person may do what their role *and* the token's scopes allow. A
service has no role: it may do what its scopes say.

${table(
  ['operation', '', 'scope', ...roles.map(({ role }) => role)],
  operations
    .filter(({ alternatives }) => alternatives.length > 0)
    .map(({ name, summary, alternatives }) => [
      name,
      summary,
      words(alternatives),
      ...roles.map(({ granted }) => (opens(granted, alternatives) ? '✓' : '')),
    ]),
)}

Besides: nobody approves what they asked for, or a refund of a payment of their own; a refund above the limit of who asks (\`APPROVAL_LIMITS\`) has to be approved, and a person who asks for such a one or approves it has to
have signed in recently (\`RECENT_SIGN_IN_MINUTES\`); whoever uses an app of their own (\`read:payments\`, \`write:refunds\`, without an admin scope) sees and refunds their own payments; everybody
sees one brand at a time.

## Scopes

A scope covers what lies under it: \`admin:refunds\` covers \`admin:refunds.read\`. \`manage:x\` is \`read:x\` and \`write:x\`.

${table(
  ['scope', 'opens', ...roles.map(({ role }) => role)],
  Object.entries(SCOPES).map(([scope, meaning]) => [
    `\`${scope}\``,
    meaning,
    ...roles.map(({ granted }) => (grants(granted, scope) ? '✓' : '')),
  ]),
)}

## Fields

An operation takes and answers what its schema in [openapi.json](../openapi.json) declares and nothing else: a field of a body that it does not declare is a 422, a column that it does not declare
is not answered. So who may see or set a field is who may call an operation that has it:

${table(
  ['fields', 'seen by', 'set by'],
  [
    [
      'a payment: whose, for what, amount, status',
      '`admin:payments.read`; `read:payments`: of a payment of one’s own',
      'nobody: what Stripe says',
    ],
    [
      'a payment: what was captured, reserved, refunded and is left; its charge',
      '`admin:payments.read`; what is left also by a caller whose refund was refused for it',
      'nobody: what Stripe says and the refunds that were asked for',
    ],
    [
      'a refund: `amount_cents`, `reason`',
      '`admin:refunds.read`; the amount also by whoever asked, in the answer',
      'whoever asks for it, then; never changed after (an erasure empties what was written)',
    ],
    [
      'a refund: `note`',
      '`admin:refunds.read`, alone and not in lists',
      '`admin:refunds.issue`, when asking; not `write:refunds`',
    ],
    [
      'a refund: `decision_note`',
      'as `note`',
      '`admin:refunds.approve`, with the decision, while it is `awaiting_approval`',
    ],
    [
      'a refund: `resolution`, `resolution_reference`, `replaced_by`',
      'as `note`',
      '`admin:refunds.issue` or `admin:refunds.approve`, once, while something is owed',
    ],
    [
      'a refund: `status`, Stripe’s ids, `bank_reference`, `failure_reason`, `owed_cents`, moments',
      '`admin:refunds.read`; id, status and Stripe’s id also by whoever asked, in the answer (`write:refunds`: id and status)',
      'nobody: the state machine, by what Stripe says',
    ],
    [
      '`requested_by_…`, `approved_by_…`, `brand_id`, `customer_id`',
      '`admin:refunds.read`; a dispute’s brand `admin:disputes.read`',
      'nobody: the token says who it is, the payment whose and of which brand',
    ],
    ['a dispute', '`admin:disputes.read`', 'nobody: what Stripe says'],
    [
      'the audit log',
      '`admin:audit.read`; it holds no free text, and customers by name only ([docs/audit.md](audit.md))',
      'nobody: written with what was done',
    ],
  ],
)}

Whoever approves, rejects, cancels, syncs or resolves a refund is answered with the whole of it, as \`GET /v1/admin/refunds/{refund_id}\` does.

## Open to everybody

Keep all but the last inside your network.

${table(
  ['operation', ''],
  operations
    .filter(({ alternatives }) => alternatives.length === 0)
    .toSorted((a, b) => Number(a.name.includes('webhooks')) - Number(b.name.includes('webhooks')))
    .map(({ name, summary }) => [name, summary]),
)}
`;
}

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
