import { Type } from 'typebox';
import { NullableString } from '../http/schemas.ts';

const AuditEntryBody = Type.Object({
  audit_id: Type.Integer({ description: 'Counts up; some numbers are never used.' }),
  occurred_at: Type.String({ format: 'date-time', description: 'When.' }),
  actor_type: Type.Enum(['user', 'service', 'system'], {
    description: 'A person; another service; this service, an operator at its command line, or Stripe.',
  }),
  actor_id: Type.String({ description: 'Who, as the issuer of tokens calls them.' }),
  client_id: NullableString('Through which OAuth client; null where no caller did it.'),
  brand_id: Type.String(),
  event_type: Type.String({ description: 'What, e.g. `refund.requested`, `refund.listed`.' }),
  entity_type: Type.String({ description: 'To what kind of thing.' }),
  entity_id: Type.String({ description: 'To which; `*` for a list that was not narrowed to one.' }),
  request_id: NullableString('The `X-Request-Id` of the request in which it was done.'),
  ip_address: NullableString('From where; null where no caller did it.'),
  details: Type.Object(
    {},
    {
      additionalProperties: true,
      description:
        'Of a change: what made it so (`cause`, and `reason_code` where a reason was picked), what it was `before` as far as that has changed (null: it was not there), and what it is. Of a look: the `filters`, and how many rows were shown from which id to which. Codes, ids and amounts only.',
    },
  ),
});

export const AuditList = Type.Object({ entries: Type.Array(AuditEntryBody) });

const auditEntryExample = {
  audit_id: 48213,
  occurred_at: '2026-01-31T14:05:00.000Z',
  actor_type: 'user',
  actor_id: 'agent-7',
  client_id: 'console',
  brand_id: 'default',
  event_type: 'refund.requested',
  entity_type: 'refund',
  entity_id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn',
  request_id: '8d0b3c0e-6b0f-4a57-9d4e-2a6f4a1b7c55',
  ip_address: '203.0.113.7',
  details: {
    cause: '8d0b3c0e-6b0f-4a57-9d4e-2a6f4a1b7c55',
    reason_code: 'not_received',
    from_status: null,
    reserved_delta_cents: 4990,
    refunded_delta_cents: 0,
    before: null,
    status: 'pending',
    amount_cents: 4990,
    currency: 'usd',
    stripe_refund_id: null,
    failure_reason: null,
    counted_cents: 4990,
  },
};

export const auditListExample = { entries: [auditEntryExample] };
export const auditExportExample = `${JSON.stringify(auditEntryExample)}\n`;
