import { readBackfillConfig } from '../../service/src/config.ts';
import { migrate } from '../../service/src/database/migrate.ts';
import { createPool } from '../../service/src/database/pool.ts';
import { type BackfillResult, backfill } from '../../service/src/stripe/backfill.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { countObjects, createProgressView } from './progress.ts';

const CONNECTIONS = 12;

export interface BackfillCommand {
  since: Date;
  /** One JSON object at the end, and nothing else, instead of progress and sentences. */
  json: boolean;
}

/**
 * `payments backfill`: brings the database to this version, then everything that Stripe has since a date into the books.
 *
 * @returns the exit code: 0 where it came to its end, 130 where it was stopped
 * @throws ConfigError, BackfillRunning, and errors of Stripe and the database
 */
export async function runBackfill(env: NodeJS.ProcessEnv, { since, json }: BackfillCommand): Promise<number> {
  const config = readBackfillConfig(env);
  const stopping = new AbortController();
  const interrupt = () => {
    // The second time somebody means it. What is not at a checkpoint is read again.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
    if (!json) process.stderr.write('\nStopping after this page; again to stop at once.\n');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const pool = createPool({
    connectionString: config.database_url,
    max: CONNECTIONS,
    applicationName: 'payments backfill',
  });
  const view = json ? undefined : createProgressView(process.stderr);
  try {
    await migrate(config.database_url);
    const stripe = createStripe({
      api_key: config.stripe_api_key,
      api_base: config.stripe_api_base,
      requests_per_second: config.stripe_background_requests_per_second,
    });
    const result = await backfill(
      { pool, stripe, default_brand: config.default_brand },
      { since, signal: stopping.signal, onProgress: (progress) => view?.update(progress) },
    );
    view?.stop();
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : summarize(result));
    return result.status === 'finished' ? 0 : 130;
  } finally {
    view?.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    await pool.end();
  }
}

function summarize({ status, since, until, counts }: BackfillResult): string {
  const { charges, invoice_payments, refunds, disputes, imported, updated, unchanged, unmatched } = counts;
  const kinds = `${charges} charges, ${invoice_payments} invoice payments, ${refunds} refunds, ${disputes} disputes`;
  const effects = `${imported} new, ${updated} changed, ${unchanged} as they were, ${unmatched} without a payment`;
  const end =
    status === 'finished'
      ? `The books have everything from ${since.toISOString()} to ${until.toISOString()}.`
      : 'Stopped. The same command goes on from here.';
  return `Read ${countObjects(counts)} objects: ${kinds}.\nIn the books: ${effects}.\n${end}\n`;
}
