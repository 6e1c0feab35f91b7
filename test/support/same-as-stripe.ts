import assert from 'node:assert/strict';
import type { World } from '../../local/stripe/world.ts';
import type { Queryable } from '../../service/src/database/pool.ts';

/**
 * Holds books that are at rest to what Stripe has: each of its refunds is one here, with its amount and status, and none here is
 * missing there; none of ours was made twice; no charge gave back more than it took.
 *
 * @returns our ids of the refunds of ours that Stripe has
 */
export async function assertSameAsStripe(db: Queryable, { store }: World): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ id: string; refund_id: string; amount_cents: number; status: string }>(
    'SELECT stripe_refund_id AS id, refund_id, amount_cents, status FROM refunds WHERE stripe_refund_id IS NOT NULL',
  );
  const here = new Map(rows.map((row) => [row.id, row]));
  const ours = new Set<string>();
  let there = 0;
  for (const { body: charge } of store.list('charge', { where: {}, created: {}, limit: 100_000 })) {
    let paid = 0;
    const refunds = store.list('refund', { where: { charge: charge.id }, created: {}, limit: 100_000 });
    for (const { body: refund } of refunds) {
      there += 1;
      const row = here.get(refund.id);
      assert.deepEqual([row?.status, row?.amount_cents], [refund.status, refund.amount], refund.id);
      const refundId = refund.metadata?.refund_id;
      if (refundId !== undefined) {
        assert.ok(!ours.has(refundId), `${refundId} was made twice`);
        assert.equal(row?.refund_id, refundId);
        ours.add(refundId);
      }
      if (refund.status !== 'failed' && refund.status !== 'canceled') paid += refund.amount;
    }
    assert.ok(paid <= charge.amount_captured, `${charge.id} gave back more than it took`);
  }
  assert.equal(there, here.size, 'no refund here is missing there');
  return ours;
}
