import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { pendingMigrations } from '../database/migrate.ts';
import type { Pool } from '../database/pool.ts';
import { readUnknown, UNKNOWN_TOO_LONG_s } from '../refunds/metrics.ts';
import type { Check, Probe, Status } from './probes.ts';

/** Whoever asks whether we are ready asks again soon, and gives up after a few seconds. */
const DATABASE_PATIENCE_MS = 2_000;
const HEALTH_JSON = 'application/health+json';

const StatusWord = Type.Enum(['pass', 'warn', 'fail']);
const Readiness = Type.Object({
  status: StatusWord,
  checks: Type.Record(
    Type.String(),
    Type.Object({ status: StatusWord, output: Type.Optional(Type.String()) }),
  ),
});

/** Whether the process lives, and whether it can do its work (after draft-inadarei-api-health-check). */
export function serveHealth(
  app: FastifyInstance,
  { pool, probes }: { pool: Pool; probes: Record<string, Probe> },
): void {
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        summary: 'Liveness',
        description:
          'Answers as long as the process does. Looks at nothing else: a restart mends no database.',
        tags: ['operations'],
        security: [],
        response: {
          200: {
            description: 'Alive',
            content: {
              [HEALTH_JSON]: { schema: Type.Object({ status: StatusWord }), example: { status: 'pass' } },
            },
          },
        },
      },
    },
    async (_request, reply) => reply.type(HEALTH_JSON).send({ status: 'pass' }),
  );

  const content = (status: Status) => ({
    [HEALTH_JSON]: {
      schema: Readiness,
      example: { status, checks: { database: { status }, migrations: { status: 'pass' } } },
    },
  });
  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Readiness',
        description:
          'Whether requests should come here: the database answers and is migrated, the issuer and Stripe have been reached. Either of the two lost later is a warning, since what is in the books can still be answered; so is a refund of which it has not been known for 15 minutes what has become.',
        tags: ['operations'],
        security: [],
        response: {
          200: { description: 'Ready, perhaps with warnings', content: content('pass') },
          503: { description: 'Not ready', content: content('fail') },
        },
      },
    },
    async (_request, reply) => {
      const database = await checkDatabase(pool);
      const checks = {
        ...database,
        ...Object.fromEntries(Object.entries(probes).map(([name, probe]) => [name, probe.check()])),
      };
      const statuses = Object.values(checks).map((check) => check.status);
      const status: Status = statuses.includes('fail') ? 'fail' : statuses.includes('warn') ? 'warn' : 'pass';
      return reply
        .code(status === 'fail' ? 503 : 200)
        .type(HEALTH_JSON)
        .send({ status, checks });
    },
  );
}

async function checkDatabase(pool: Pool): Promise<{ database: Check; migrations: Check; refunds?: Check }> {
  try {
    const pending = await within(DATABASE_PATIENCE_MS, pendingMigrations(pool));
    return {
      database: { status: 'pass' },
      ...(pending.length === 0 ? { refunds: await checkRefunds(pool) } : {}),
      migrations:
        pending.length === 0
          ? { status: 'pass' }
          : { status: 'fail', output: `Not yet run: ${pending.join(', ')}.` },
    };
  } catch {
    const lost: Check = { status: 'fail', output: 'The database does not answer.' };
    return { database: lost, migrations: lost };
  }
}

/** Whether recovery gets through: what became of every refund is known, or will be soon. */
async function checkRefunds(pool: Pool): Promise<Check> {
  const { refunds, oldest_s } = await within(DATABASE_PATIENCE_MS, readUnknown(pool));
  if (oldest_s <= UNKNOWN_TOO_LONG_s) return { status: 'pass' };
  return {
    status: 'warn',
    output: `What has become of ${refunds === 1 ? 'a refund' : `${refunds} refunds`} is not known, of the oldest for ${Math.floor(oldest_s / 60)} minutes.`,
  };
}

async function within<T>(timeout_ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('It takes too long')), timeout_ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
