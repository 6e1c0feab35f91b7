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
