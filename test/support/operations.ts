import { readFileSync } from 'node:fs';

/** A JSON Schema, as far as these tests read it. */
export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

interface Declared {
  operationId: string;
  security: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

/** The parts of an OpenAPI document that these tests read. */
export interface OpenApiDocument {
  paths: Record<string, Record<string, Declared>>;
}

/** What `openapi.json` in the repository says; a test holds it to what is served. */
export const DOCUMENT = JSON.parse(
  readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
) as OpenApiDocument;

export interface Operation {
  id: string;
  method: 'get' | 'post';
  /** As the document writes it, e.g. `/v1/payments/{id}`. */
  path: string;
  /** Any one of these opens it, all scopes of that one; none: it is open to all. */
  scopes: string[][];
  parameters: Parameter[];
  body: Schema | undefined;
}

/** Every operation of a document. */
export function operationsOf(document: OpenApiDocument = DOCUMENT): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, declared]) => ({
      id: declared.operationId,
      method: method as Operation['method'],
      path,
      scopes: declared.security.map((entry) => Object.values(entry).flat()),
      parameters: declared.parameters ?? [],
      body: declared.requestBody?.content['application/json']?.schema,
    })),
  );
}
