import { writeFileSync } from 'node:fs';
import { DEFAULT_ROLES } from './access/roles.ts';
import { grants, SCOPES } from './access/scopes.ts';
import { openApiDocument } from './openapi.ts';

interface Operation {
  name: string;
  summary: string;
  /** Any one of these opens it, all scopes of that one; none: it is open to all. */
  scopes: string[][];
}

/** `docs/access.md`: who may do what, as the operations declare it and the roles have it. */
export async function accessMatrix(): Promise<string> {
  const operations = readOperations(await openApiDocument());
  const roles = Object.entries(DEFAULT_ROLES);
  const guarded = operations.filter(({ scopes }) => scopes.length > 0);
  const opens = (granted: readonly string[], { scopes }: Operation) =>
    scopes.some((needed) => needed.every((scope) => grants(new Set(granted), scope)));
  const byOperation = table(
    ['operation', 'what it does', 'scope', ...roles.map(([role]) => role)],
    guarded.map((operation) => [
      `\`${operation.name}\``,
      operation.summary,
      operation.scopes.map((needed) => `\`${needed.join(' ')}\``).join(' or '),
      ...roles.map(([, granted]) => (opens(granted, operation) ? 'yes' : '')),
    ]),
  );
  const byScope = table(
    ['scope', 'what it is for', 'roles that have it', 'what it opens'],
    Object.entries(SCOPES).map(([scope, meaning]) => [
      `\`${scope}\``,
      meaning,
      roles
        .filter(([, granted]) => grants(new Set(granted), scope))
        .map(([role]) => role)
        .join(', '),
      guarded
        .filter((operation) => opens([scope], operation))
        .map(({ name }) => `\`${name}\``)
        .join('<br>'),
    ]),
  );
  const open = operations.filter(({ scopes }) => scopes.length === 0).map(({ name }) => `- \`${name}\``);
  return `# Who may do what

Written by \`npm run access\` from what the operations declare and what the roles have; a test fails where it differs.

## By operation

A service may do what the scopes of its token say. A person may do what both the scopes of their token and their role say; the roles are those that
hold where \`ROLE_SCOPES\` names no others. An operation has every row of the caller's brand before it, and none of another's.

${byOperation}

## By scope

A scope covers what lies under it: \`admin:refunds\` is all of \`admin:refunds.…\`; \`manage:payments\` is \`read:payments\` and \`write:payments\`. Scopes that begin
with \`admin:\` are for staff and services; with \`read:payments\` and \`write:refunds\` alone a person sees and refunds what is their own.

${byScope}

## Open to all

Without a token; what Stripe sends has to be signed, and the others are for whoever runs the service.

${open.join('\n')}
`;
}

function readOperations(document: string): Operation[] {
  const { paths } = JSON.parse(document) as {
    paths: Record<string, Record<string, { summary: string; security: Record<string, string[]>[] }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary, security }]) => ({
      name: `${method.toUpperCase()} ${path}`,
      summary,
      scopes: security.map((entry) => Object.values(entry).flat()),
    })),
  );
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

if (import.meta.main) writeFileSync(new URL('../../docs/access.md', import.meta.url), await accessMatrix());
