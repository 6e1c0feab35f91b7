import { StripeFailure } from './errors.ts';
import type { World } from './world.ts';

/** What happens by itself, later. Each action is a function of the object's id. */
export type DueActions = Record<
  string,
  (world: World, objectId: string, detail: Record<string, unknown>) => void
>;

/** Remembers that `action` befalls the object `after_s` seconds from now. */
export function schedule(
  world: World,
  action: string,
  objectId: string,
  after_s: number,
  detail: Record<string, unknown> = {},
): void {
  world.store
    .sql('INSERT INTO due (due_at_ms, action, object_id, detail) VALUES (?, ?, ?, ?)')
    .run(world.clock.now_ms() + after_s * 1000, action, objectId, JSON.stringify(detail));
}

/** Forgets what was to befall the object: all of it, or one action. */
export function unschedule(world: World, objectId: string, action?: string): void {
  if (action === undefined) world.store.sql('DELETE FROM due WHERE object_id = ?').run(objectId);
  else world.store.sql('DELETE FROM due WHERE object_id = ? AND action = ?').run(objectId, action);
}

/** Whether anything is due by then. */
export function anythingDue(world: World, until_ms: number): boolean {
  return world.store.sql('SELECT 1 FROM due WHERE due_at_ms <= ? LIMIT 1').get(until_ms) !== undefined;
}

/** Does everything due up to `until_ms`, in order, each at its own time of the clock. Returns how much was done. */
export function runDue(world: World, actions: DueActions, until_ms: number): number {
  let done = 0;
  for (;;) {
    const row = world.store
      .sql(
        'SELECT seq, due_at_ms, action, object_id, detail FROM due WHERE due_at_ms <= ? ORDER BY due_at_ms, seq LIMIT 1',
      )
      .get(until_ms);
    if (row === undefined) return done;
    const action = actions[String(row.action)];
    world.store.sql('DELETE FROM due WHERE seq = ?').run(Number(row.seq));
    if (action !== undefined) {
      const detail = JSON.parse(String(row.detail)) as Record<string, unknown>;
      try {
        world.store.transaction(() =>
          world.clock.at(Number(row.due_at_ms), () => action(world, String(row.object_id), detail)),
        );
      } catch (error) {
        // The object has moved on in the meantime, and what was due no longer applies to it.
        if (!(error instanceof StripeFailure)) throw error;
      }
    }
    done += 1;
  }
}
