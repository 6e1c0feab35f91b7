import { Type } from 'typebox';
import { Cents, NullableMoment, NullableString } from '../http/schemas.ts';

export const DisputeBody = Type.Object({
  id: Type.String(),
  payment_id: Type.String(),
  stripe_dispute_id: Type.String(),
  amount_cents: Cents('What is contested; may be more than was paid.'),
  currency: Type.String({ description: 'ISO 4217, lower case.' }),
  reason: NullableString('Why, as the bank says.'),
  status: Type.String({ description: 'Stripe’s word; `warning_…` is an inquiry, which takes no money.' }),
  brand_id: NullableString(),
  stripe_charge_id: NullableString(),
  evidence_due_by: NullableMoment('Until when evidence is taken.'),
  created_at: Type.String({ format: 'date-time', description: 'When it was opened.' }),
  updated_at: Type.String({ format: 'date-time', description: 'When it last changed here.' }),
  resolved_at: NullableMoment('When its end became known.'),
});

export const DisputeList = Type.Object({ disputes: Type.Array(DisputeBody) });

export const disputeExample = {
  id: 'dispute_01kb9d5e6vf4j8k1m2n3p4q5r6',
  payment_id: 'payment_01kar2jz4eexs8wx0kgmh1xb5p',
  stripe_dispute_id: 'dp_1SXy2zB7WZ01zgkW3a4B5c6D',
  amount_cents: 5000,
  currency: 'eur',
  reason: 'product_not_received',
  status: 'needs_response',
  brand_id: 'default',
  stripe_charge_id: 'ch_3SWbM1B7WZ01zgkW0x9Kc2vQ',
  evidence_due_by: '2026-03-10T23:59:59.000Z',
  created_at: '2026-03-01T08:30:00.000Z',
  updated_at: '2026-03-01T08:30:01.412Z',
  resolved_at: null,
};
