import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';
import { unknownField } from './validation.ts';

interface QuerySchema {
  properties?: Record<string, { type?: string }>;
}

/**
 * Reads the query strictly, before the schema is applied: an unknown or repeated parameter is refused, and only digits are a
 * number, and only `true` and `false` are either. (`limit=1e2`, `1.5`, ` 5` and `+5` are all numbers to JavaScript, and none of them is what somebody meant.)
 */
export async function readQueryStrictly(request: FastifyRequest): Promise<void> {
  const query = request.query as Record<string, unknown>;
  const schema = request.routeOptions.schema?.querystring as QuerySchema | undefined;
  // By its own names only: every object has a `constructor`.
  const parameters = new Map(Object.entries(schema?.properties ?? {}));
  if (!isWellEncoded(request.raw.url ?? '')) {
    throw new ServiceError('malformed', { message: 'The query is not validly encoded: % is written %25.' });
  }
  for (const [name, value] of Object.entries(query)) {
    const parameter = parameters.get(name);
    if (parameter === undefined) throw unknownField('malformed', name, request);
    if (typeof value !== 'string') {
      throw new ServiceError('malformed', { field: name, message: `${name} is given more than once.` });
    }
    if (parameter.type === 'boolean' && (value === 'true' || value === 'false'))
      query[name] = value === 'true';
    if (parameter.type === 'integer' && /^-?\d{1,15}$/.test(value)) query[name] = Number(value);
  }
}

/** The parser takes what it cannot decode as it stands, so that `%zz` would be looked for, and not found. */
function isWellEncoded(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}
