import { setTimeout as pause } from 'node:timers/promises';
import { land, outlived, type Play, send } from './deeds.ts';
import { count } from './history.ts';
import { isAnswered, isFinal, type Wish } from './ledger.ts';

/**
 * How long is waited between rounds of asking. The first ends what crashed callers hold; the long one is past the life of a key at
 * Stripe, for what nobody could find out before it ended.
 */
const ROUNDS_s = [70, 700, 700, 26 * 3_600, 700, 700, 700, 700];

/**
 * Ends all faults and lets everything come to an end that has begun: what Stripe has to say is said, the inbox worked off, unknown
 * outcomes found out about, callers without an answer ask again.
 */
export async function bringToRest(playing: Play): Promise<void> {
  const { world, tally } = playing;
  for (const { kind, fired } of world.standIn.faults.list().requests)
    count(tally.faults, `stripe ${kind}`, fired);
  for (const { kind, fired } of world.standIn.faults.list().webhooks)
    count(tally.faults, `webhook ${kind}`, fired);
  world.standIn.faults.clear();
  await land(playing);
  // Those who were to die later live on.
  for (const { life } of world.instances()) life.arm(Number.POSITIVE_INFINITY, false);

  await world.pass(70);
  await settle(playing);
  await askAgain(playing);
  await settle(playing);
  if (await hasMissedWebhooks(playing)) {
    for (let attempt = 0; attempt < 4; attempt += 1) {
      if ((await outlived(async () => void (await world.instance(attempt).reconcile()))) === undefined) break;
    }
    await settle(playing);
  }
}

async function settle(playing: Play): Promise<void> {
  const { world } = playing;
  for (const [round, wait_s] of ROUNDS_s.entries()) {
    await world.deliver();
    // Idle connections may have been ended a moment ago: what fails for that is done again in the next round.
    await outlived(() => world.instance(round).workInbox());
    await outlived(async () => {
      while ((await world.instance(round + 1).recover()) > 0);
    });
    if (await isQuiet(playing)) return;
    await world.pass(wait_s);
  }
  playing.violations.push('it does not come to rest');
}

async function isQuiet({ world }: Play): Promise<boolean> {
  const waiting = world.standIn.world.store
    .sql("SELECT count(*) AS n FROM deliveries WHERE status IN ('pending', 'held')")
    .get();
  const [open] = await world.query<{ n: number }>(
    `SELECT (SELECT count(*) FROM stripe_events WHERE status = 'received')
          + (SELECT count(*) FROM refunds WHERE recover_at IS NOT NULL) AS n`,
  );
  return waiting?.n === 0 && open?.n === 0;
}

/** Every caller who has a key gets an answer in the end, and who has had one gets it again. */
async function askAgain(playing: Play): Promise<void> {
  const ask = async (wish: Wish) => {
    const answered = isAnswered(wish);
    // A circuit breaker that is open closes by itself in a moment.
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await send(playing, wish, wish.number + attempt);
      const last = wish.sends.at(-1);
      if (last !== undefined && (isFinal(last) || (answered && attempt > 0))) return;
      await pause(20);
    }
    const last = wish.sends.at(-1)?.reply;
    playing.violations.push(`wish ${wish.number} never gets an answer: ${last?.status} ${last?.text}`);
  };
  await Promise.all(playing.wishes.filter(({ key }) => key !== null).map(ask));
}

/** Whether Stripe has events that it did not or will not deliver. */
async function hasMissedWebhooks({ world, history }: Play): Promise<boolean> {
  const missed = world.standIn.world.store
    .sql("SELECT count(*) AS n FROM deliveries WHERE status IN ('lost', 'failed')")
    .get();
  return Number(missed?.n) > 0 || history.some((line) => /^pass .*(345600|2678400)/.test(line));
}
