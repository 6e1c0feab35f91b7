import type { components, operations, paths, webhooks } from './schema.d.ts';

export type { components, operations, paths };

type Json<Response> = Response extends { content: { 'application/json': infer Body } } ? Body : never;
type Responses<Operation extends keyof operations> = operations[Operation]['responses'];

/** What an operation answers when it succeeds. */
export type Answer<Operation extends keyof operations> =
  Responses<Operation> extends { 200: infer Ok }
    ? Json<Ok>
    : Responses<Operation> extends { 201: infer Created }
      ? Json<Created>
      : Responses<Operation> extends { 202: infer Accepted }
        ? Json<Accepted>
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

/** One row of what a list answers. */
export type Row<Operation extends keyof operations> =
  Answer<Operation>[keyof Answer<Operation>] extends readonly (infer One)[] ? One : never;

/** The types of events that an endpoint may be told of. */
export type EventType = keyof webhooks;

/** An event as it is sent, by its type; without one: any of them, told apart by `type`. */
export type WebhookEvent<Type extends EventType = EventType> = {
  [One in Type]: webhooks[One]['post']['requestBody']['content']['application/json'];
}[Type];
