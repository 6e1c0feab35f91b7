import createOpenApiClient, { type ClientOptions } from 'openapi-fetch';
import type { components, operations, paths } from './schema.d.ts';

export type { components, operations, paths };

/** The service's operations, typed by the document that it serves (`openapi.json`). */
export const createClient = (options: ClientOptions) => createOpenApiClient<paths>(options);

/** What an operation answers when it succeeds. */
export type Answer<Operation extends keyof operations> = operations[Operation]['responses'] extends {
  200: { content: { 'application/json': infer Body } };
}
  ? Body
  : operations[Operation]['responses'] extends { 201: { content: { 'application/json': infer Body } } }
    ? Body
    : never;

/** What an operation may be asked with in its query. */
export type Query<Operation extends keyof operations> = NonNullable<
  operations[Operation]['parameters']['query']
>;

/** What an operation takes as its body. */
export type RequestBody<Operation extends keyof operations> =
  NonNullable<operations[Operation]['requestBody']> extends { content: { 'application/json': infer Body } }
    ? Body
    : never;
