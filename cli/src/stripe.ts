import { readBackfillConfig } from '../../service/src/config.ts';
import { migrate } from '../../service/src/database/migrate.ts';
import { createPool } from '../../service/src/database/pool.ts';
import type { AskDeps } from '../../service/src/stripe/ask.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { interruptible } from './interrupt.ts';

const CONNECTIONS = 12;

/** For the help of such commands. */
export const STRIPE_SETTINGS =
  'Settings: DATABASE_URL, DATABASE_MIGRATION_URL, STRIPE_API_KEY, STRIPE_API_BASE, STRIPE_BACKGROUND_REQUESTS_PER_SECOND, DEFAULT_BRAND. The database is brought to this version first.';
export const STRIPE_EXIT_CODES =
  'Exit codes: 0 done · 1 failed · 2 called wrongly, or a setting is missing or wrong · 130 stopped, to be gone on with';

/**
 * Lets a command page through Stripe beside the books, which are brought to this version first. Ctrl-C stops it after the page
 * under way.
 *
 * @throws ConfigError, errors of Stripe and the database, and what the command throws
 */
export async function withStripe<T>(
  env: NodeJS.ProcessEnv,
  { name, json }: { name: string; json: boolean },
  command: (deps: AskDeps, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const config = readBackfillConfig(env);
  const work = async (signal: AbortSignal) => {
    const pool = createPool({
      connectionString: config.database_url,
      max: CONNECTIONS,
      applicationName: `payments ${name}`,
    });
    try {
      await migrate(config.database_migration_url, config.database_url);
      const stripe = createStripe({
        api_key: config.stripe_api_key,
        api_base: config.stripe_api_base,
        requests_per_second: config.stripe_background_requests_per_second,
      });
      return await command({ pool, stripe, default_brand: config.default_brand }, signal);
    } finally {
      await pool.end();
    }
  };
  return await interruptible(work, () => {
    if (!json) process.stderr.write('\nStopping after this page; again to stop at once.\n');
  });
}
