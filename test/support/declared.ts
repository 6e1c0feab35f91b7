import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { DOCUMENT } from './operations.ts';

const ajv = formats.default(new Ajv2020({ strict: false, allErrors: true }));
const compiled = new Map<string, ValidateFunction>();

/** An answer, as far as it is declared. */
export interface Answered {
  status: number;
  headers: Headers;
  text: string;
}

/**
 * Reads an answer and holds it to what `openapi.json` declares for that path and method with that status and content type: everything that
 * is required, in its form, and no field beyond.
 *
 * @param path as the document writes it, e.g. `/v1/admin/refunds/{refund_id}`
 * @returns the body
 */
export async function readDeclared<Body>(
  path: string,
  response: Response,
  method: 'get' | 'post' = 'get',
): Promise<Body> {
  const { status, headers } = response;
  return assertDeclared(path, method, { status, headers, text: await response.text() }) as Body;
}

/** The same of an answer that has been read. What is not JSON is returned as it is. */
export function assertDeclared(path: string, method: string, { status, headers, text }: Answered): unknown {
  const type = (headers.get('content-type') ?? '').replace(/;.*/, '');
  const key = `${method} ${path} ${status} ${type}`;
  const declared = DOCUMENT.paths[path]?.[method]?.responses[status]?.content?.[type];
  assert.ok(declared, `${key} is not declared: ${text}`);
  const validate = compiled.get(key) ?? ajv.compile(closed(declared.schema) as object);
  compiled.set(key, validate);
  const body: unknown = /[/+]json$/.test(type) ? JSON.parse(text) : text;
  assert.ok(validate(body), `${key}: ${ajv.errorsText(validate.errors)} in ${text}`);
  return body;
}

/** The same schema, whose objects have no other fields than the declared ones. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return 'properties' in copy && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}
