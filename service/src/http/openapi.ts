import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { SCHEME } from '../access/guard.ts';

const DESCRIPTION = `The refund system of record: every refund a platform ever made, one honest answer for each.

Amounts are integers in the currency's smallest unit. Times are UTC, RFC 3339. Lists come newest first, in pages: the \`Link\` header (RFC 8288) has
the address of the next one. \`X-RateLimit-Remaining\` says how much more a client may ask for, \`X-RateLimit-Reset\` in how many seconds it may more; beyond
it \`Retry-After\` says how long to wait. Every error is \`{"error": "<code>", "message": "<a sentence>"}\`; every answer has an \`X-Request-Id\`.

A scope covers what lies under it: \`admin:refunds\` covers \`admin:refunds.read\`. A token that is bound to a brand sees that brand only; staff and
services whose token is not may name a brand in \`X-Brand-Id\`.`;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body may be CSV in place of JSON: such a one. */
    csvExample?: string;
  }
}

/** What the document has besides the operations that are declared. */
interface Additions {
  /** What the service sends to others. */
  webhooks: object;
  /** A call of an operation that can be pasted into a shell. */
  writeCall(operationId: string, method: string, path: string, scopes: readonly string[]): string;
}

/** Collects the declared operations into one OpenAPI 3.1 document. */
export async function describeOperations(
  app: FastifyInstance,
  { webhooks, writeCall }: Additions,
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'payments',
        version: '1.0.0',
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'refunds', description: 'What went back.' },
        { name: 'payments', description: 'What was paid, and what is left of it.' },
        { name: 'disputes', description: 'What was contested.' },
        { name: 'audit', description: 'Who did what.' },
        { name: 'webhooks', description: 'What Stripe tells us.' },
        { name: 'events', description: 'What other services are told.' },
        { name: 'operations', description: 'For those who run the service.' },
      ],
      servers: [{ url: '/', description: 'This service.' }],
      components: {
        securitySchemes: {
          [SCHEME]: {
            type: 'http',
            scheme: 'bearer',
            description: 'An OAuth 2.1 access token; the names beside it are its scopes. RFC 6750.',
          },
        },
      },
    },
    // For those who read: the document's own `security` is shown nowhere.
    transform: ({ schema, url, route }) => ({
      schema: {
        ...schema,
        ...describeScopes(schema),
        // Not in the schema itself: the validator has no use for a default there, and says so.
        ...(route.config?.csvExample === undefined ? {} : { [CSV_EXAMPLE]: route.config.csvExample }),
        ...(route.config?.bodyMayBeLeftOut === true ? { body: { ...Object(schema.body), default: {} } } : {}),
      },
      url,
    }),
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('The document is not of OpenAPI 3');
      for (const [path, methods] of Object.entries(document.openapiObject.paths ?? {})) {
        for (const [method, operation] of Object.entries(methods ?? {})) {
          const { operationId = '', security = [] } = operation as {
            operationId?: string;
            security?: Record<string, string[]>[];
          };
          const source = writeCall(
            operationId,
            method.toUpperCase(),
            path,
            Object.values(security[0] ?? {}).flat(),
          );
          Object.assign(operation, { 'x-codeSamples': [{ lang: 'Shell', label: 'curl', source }] });
        }
        letBodyBeLeftOut(methods?.post?.requestBody);
        letBodyBeCsv(methods?.post);
      }
      return Object.assign(document.openapiObject, { webhooks });
    },
  });
}

/** A body that has a default need not be sent. */
function letBodyBeLeftOut(body: unknown): void {
  const { content } = (body ?? {}) as { content?: Record<string, { schema?: object }> };
  const schema = content?.['application/json']?.schema;
  if (schema !== undefined && 'default' in schema) Object.assign(body as object, { required: false });
}

/** Under this the document carries an example of a body in CSV until it stands where it belongs. */
const CSV_EXAMPLE = 'x-csv-example';

function letBodyBeCsv(operation: object | undefined): void {
  if (operation === undefined || !(CSV_EXAMPLE in operation)) return;
  const { requestBody, [CSV_EXAMPLE]: example } = operation as {
    requestBody: { content: Record<string, unknown> };
    [CSV_EXAMPLE]?: unknown;
  };
  requestBody.content['text/csv'] = { schema: { type: 'string' }, example };
  delete operation[CSV_EXAMPLE];
}

function describeScopes({ security, description }: FastifySchema): { description?: string } {
  if (description === undefined || security === undefined || security.length === 0) return {};
  const alternatives = security.map((entry) => `\`${(entry[SCHEME] ?? []).join(' ')}\``);
  return { description: `${description}\n\nRequired scope: ${alternatives.join(' or ')}.` };
}
