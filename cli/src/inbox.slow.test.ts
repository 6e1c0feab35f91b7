import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Connections, createPool } from '../../service/src/database/pool.ts';
import { receiveEvent } from '../../service/src/stripe/inbox.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { runProgram } from '../../test/support/program.ts';
import { age } from './inbox.ts';

let database: TestDatabase;
let pool: Connections;
before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 2 });
});
beforeEach(async () => {
  await pool.query('DELETE FROM stripe_events');
  await pool.query('DELETE FROM graphile_worker._private_jobs');
});
after(async () => {
  await pool.end();
  await database.drop();
});

const inbox = (...args: string[]) =>
  runProgram(process.execPath, ['cli/src/main.ts', 'inbox', ...args], { DATABASE_URL: database.url });

let number = 0;
/** An event of this status in the inbox; those that are closed have no job. */
async function event(
  status: string,
  { error = null as string | null, account = null as string | null } = {},
) {
  number += 1;
  const { event_id } = await receiveEvent(
    pool,
    {
      stripe_event_id: `evt_${number}`,
      event_type: 'refund.updated',
      object_type: 'refund',
      object_id: `re_${number}`,
      livemode: false,
      stripe_account_id: account,
      stripe_created_at: new Date(),
    },
    { live: false },
  );
  if (status !== 'received') {
    await pool.query('UPDATE stripe_events SET status = $2, error = $3, attempts = 3 WHERE event_id = $1', [
      event_id,
      status,
      error,
    ]);
    await pool.query('SELECT graphile_worker.remove_job($1)', [event_id]);
  }
  return { event_id, stripe_event_id: `evt_${number}` };
}

const eventRow = async (eventId: string) =>
  (await pool.query('SELECT status, note FROM stripe_events WHERE event_id = $1', [eventId])).rows[0];
const jobs = async () =>
  (await pool.query('SELECT key FROM graphile_worker.jobs ORDER BY key')).rows.map(({ key }) => key);
const audits = async (eventId: string) =>
  (
    await pool.query(
      'SELECT actor_type, actor_id, brand_id, event_type, details FROM audit_log WHERE entity_id = $1 ORDER BY audit_id',
      [eventId],
    )
  ).rows;

test('the inbox shows what is not done with, newest first, each with why; the rest when asked for', async () => {
  assert.equal((await inbox()).stdout, 'Nothing waits, nothing has failed, nothing is on the shelf.\n');
  const failed = await event('failed', { error: 'stripe_refused: Stripe refuses the question.' });
  const waiting = await event('received');
  const done = await event('processed');
  const { code, stdout, stderr } = await inbox();
  assert.deepEqual([code, stderr], [0, '']);
  const [head, first, second, ...rest] = stdout.split('\n');
  assert.match(head ?? '', /^EVENT +AT STRIPE +TYPE +OBJECT +STATUS +TRIES +AGE +WHY$/);
  assert.match(
    first ?? '',
    new RegExp(
      `^${waiting.event_id}  ${waiting.stripe_event_id} +refund\\.updated +re_\\d+ +received +0 +\\d+ s$`,
    ),
  );
  assert.match(
    second ?? '',
    new RegExp(`^${failed.event_id} .* failed +3 +\\d+ s +stripe_refused: Stripe refuses the question\\.$`),
  );
  assert.deepEqual(rest, ['']);
  assert.match((await inbox('list', '--status', 'processed')).stdout, new RegExp(done.event_id));
  const lines = (await inbox('list', '--json', '--limit', '1')).stdout.split('\n');
  assert.equal(lines.length, 2);
  assert.deepEqual(JSON.parse(lines[0] ?? '').event_id, waiting.event_id);
  assert.match((await inbox('--limit', '1')).stdout, /The newest 1; --limit shows more\.\n$/);
});

test('one event is shown with its job, by either id', async () => {
  const { event_id, stripe_event_id } = await event('received');
  const byOurs = await inbox('show', event_id);
  assert.equal(byOurs.code, 0, byOurs.stderr);
  assert.match(byOurs.stdout, /^status +received\n/m);
  assert.match(byOurs.stdout, /^job +due \d{4}-.*Z, tried 0 times\n/m);
  const shown = JSON.parse((await inbox('show', stripe_event_id, '--json')).stdout);
  assert.deepEqual([shown.event_id, shown.job.under_way], [event_id, false]);
});

for (const status of ['failed', 'unmatched', 'processed', 'received']) {
  test(`an event that is ${status} is given a job again when it is retried, and the audit log says so`, async () => {
    const { event_id, stripe_event_id } = await event(status);
    const { code, stdout, stderr } = await inbox('retry', stripe_event_id);
    assert.deepEqual([code, stdout, stderr], [0, '1 event will be asked about again.\n', '']);
    assert.deepEqual(await eventRow(event_id), { status: 'received', note: null });
    assert.deepEqual(await jobs(), [event_id]);
    assert.deepEqual(await audits(event_id), [
      {
        actor_type: 'system',
        actor_id: 'operator',
        brand_id: 'default',
        event_type: 'stripe_event.retried',
        details: { stripe_event_id, event_type: 'refund.updated', status },
      },
    ]);
  });
}

test('all of a status are retried once it is confirmed, but for those of connected accounts', async () => {
  const failed = [await event('failed'), await event('failed')];
  const shelved = await event('unmatched');
  const elsewhere = await event('unmatched', { account: 'acct_1' });
  const unconfirmed = await inbox('retry', '--status', 'failed');
  assert.equal(unconfirmed.code, 2);
  assert.match(
    unconfirmed.stderr,
    /^Ask Stripe about 2 events again\?\nNobody can be asked here, so say --yes\.\n$/,
  );
  assert.deepEqual(await jobs(), []);
  const { code, stdout } = await inbox('retry', '--status', 'failed', '--yes');
  assert.deepEqual([code, stdout], [0, '2 events will be asked about again.\n']);
  assert.deepEqual(await jobs(), failed.map(({ event_id }) => event_id).sort());
  assert.equal(
    (await inbox('retry', '--status', 'unmatched', '--yes')).stdout,
    '1 event will be asked about again.\n',
  );
  assert.equal((await eventRow(shelved.event_id)).status, 'received');
  assert.equal((await eventRow(elsewhere.event_id)).status, 'unmatched');
  assert.equal((await inbox('retry', '--status', 'failed')).stdout, 'No event is failed.\n');
});

test('what has failed or is stuck goes on the shelf with a word, and its job with it; what is done stays', async () => {
  const failed = await event('failed', { error: 'internal_error: The event could not be processed.' });
  const stuck = await event('received');
  const done = await event('processed');
  const note = 'of the shop that was sold';
  const ids = [failed.event_id, stuck.stripe_event_id, done.event_id];
  const { code, stdout, stderr } = await inbox('shelve', ...ids, '--note', note);
  assert.deepEqual([code, stdout], [1, '2 events put on the shelf.\n']);
  assert.equal(stderr, `${done.event_id} is processed: only what has failed or waits can be shelved.\n`);
  for (const { event_id } of [failed, stuck]) {
    assert.deepEqual(await eventRow(event_id), { status: 'unmatched', note });
    const [audit] = await audits(event_id);
    assert.equal(audit.event_type, 'stripe_event.shelved');
    assert.ok(!JSON.stringify(audit).includes('shop'), 'the word is for operators, not for the audit log');
  }
  assert.deepEqual(await jobs(), []);
  assert.match((await inbox('--status', 'unmatched')).stdout, /shelved: of the shop that was sold$/m);
  assert.equal((await inbox('retry', stuck.event_id)).code, 0);
  assert.deepEqual(await eventRow(stuck.event_id), { status: 'received', note: null });
});

test('what is called wrongly, or names no event, is refused in a sentence and changes nothing', async () => {
  const { event_id } = await event('failed');
  for (const [args, code, sentence] of [
    [['show', 'evt_none'], 1, /^There is no event evt_none in the inbox\.\n$/],
    [['retry', event_id, 'evt_none'], 1, /^There is no event evt_none in the inbox\.\n$/],
    [['retry'], 2, /^Say which: ids, or --status failed, or --status unmatched\.\n$/],
    [['retry', event_id, '--status', 'failed'], 2, /^Say which/],
    [['retry', '--status', 'processed'], 2, /Allowed choices are failed, unmatched/],
    [['shelve', event_id], 2, /required option '--note <text>'/],
    [['shelve', event_id, '--note', 'a\u001b[31m'], 2, /It has to be one line of 1 to 500 characters/],
    [['list', '--status', 'open'], 2, /Allowed choices are failed, received/],
    [['list', '--limit', '0'], 2, /It has to be a whole number from 1 to 10000/],
    [['forget', event_id], 2, /too many arguments/],
  ] as [string[], number, RegExp][]) {
    const answer = await inbox(...args);
    assert.equal(answer.code, code, `${args.join(' ')}: ${answer.stderr}`);
    assert.match(answer.stderr, sentence);
  }
  assert.equal((await eventRow(event_id)).status, 'failed');
  assert.deepEqual(await jobs(), []);
  const nowhere = await runProgram(process.execPath, ['cli/src/main.ts', 'inbox'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  });
  assert.deepEqual(
    [nowhere.code, nowhere.stderr],
    [1, 'The database cannot be reached: look at DATABASE_URL.\n'],
  );
});

test('an age is said in its largest whole unit', () => {
  assert.deepEqual([0.4, 59.9, 60, 3_599, 3_600, 86_400 * 2.5].map(age), [
    '0 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h',
    '2 d',
  ]);
});
