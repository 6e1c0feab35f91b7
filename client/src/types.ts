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

/** A line of an export of refunds (NDJSON). */
export interface ExportedRefund {
  refund_id: string;
  payment_id: string;
  charge_id: string | null;
  customer_id: string;
  amount_cents: number;
  currency: string;
  status: Row<'listRefundsDetailed'>['status'];
  /** A code of the reasons; `other` for words of one's own. */
  reason_code: string | null;
  stripe_refund_id: string | null;
  origin: string;
  requested_by_type: string | null;
  requested_by_id: string | null;
  failure_reason: string | null;
  bank_reference: string | null;
  /** What the customer is still owed of it. */
  owed_cents: number;
  created_at: string;
  updated_at: string;
}
