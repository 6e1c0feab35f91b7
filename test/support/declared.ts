import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

interface Document {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: unknown }> }> }>
  >;
}

const document = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')) as Document;
const ajv = formats.default(new Ajv2020({ strict: false, allErrors: true }));
const compiled = new Map<string, ValidateFunction>();

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
  const text = await response.text();
  const type = (response.headers.get('content-type') ?? '').replace(/;.*/, '');
  const key = `${method} ${path} ${response.status} ${type}`;
  const declared = document.paths[path]?.[method]?.responses[response.status]?.content?.[type];
  assert.ok(declared, `${key} is not declared: ${text}`);
  const validate = compiled.get(key) ?? ajv.compile(closed(declared.schema) as object);
  compiled.set(key, validate);
  const body: unknown = JSON.parse(text);
  assert.ok(validate(body), `${key}: ${ajv.errorsText(validate.errors)} in ${text}`);
  return body as Body;
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
