import { readFileSync } from 'node:fs';

/** An operation as `openapi.json` declares it. */
export interface Operation {
  operationId: string;
  method: 'get' | 'post';
  /** As the document writes it, e.g. `/v1/admin/refunds/{refund_id}`. */
  path: string;
  /** Any one of these opens it, all scopes of that one; none: it is open to everybody. */
  scopes: readonly (readonly string[])[];
}

interface Document {
  paths: Record<string, Record<string, { operationId: string; security: Record<string, string[]>[] }>>;
}

/** Every operation that the service declares. */
export function readOperations(): Operation[] {
  const document = JSON.parse(
    readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
  ) as Document;
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, security }]) => {
      if (method !== 'get' && method !== 'post') throw new Error(`${method} ${path} is neither GET nor POST`);
      return { operationId, method, path, scopes: security.flatMap((entry) => Object.values(entry)) };
    }),
  );
}

/** What an operation is called with: what goes into its path, its query, its body. */
export interface Call {
  path?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
}

/** An operation's address for a call. */
export function addressOf({ path }: Operation, call: Call): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(call.path?.[name] ?? ''),
  );
  const query = new URLSearchParams(call.query).toString();
  return query === '' ? filled : `${filled}?${query}`;
}
