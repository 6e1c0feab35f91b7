import type { Command } from 'commander';
import { readMigrationConfig } from '../../service/src/config.ts';
import { migrate, missingMigrations } from '../../service/src/database/migrate.ts';
import { createPool } from '../../service/src/database/pool.ts';

/** `payments migrate`: brings the database to this version, for services that wait for it (MIGRATIONS=wait). */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description(
      'Bring the database to this version, and let the role of DATABASE_URL serve. The version before serves meanwhile. Does nothing where there is nothing to do; several at once wait for each other.',
    )
    .option('--check', 'only say what is missing', false)
    .option('--json', 'one JSON object', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments migrate --check
  $ DATABASE_MIGRATION_URL=postgres://owner:…@db/payments payments migrate

Settings: DATABASE_URL, DATABASE_MIGRATION_URL.
Exit codes: 0 the database is at this version · 1 --check: it is not; or it failed, and nothing of it was done · 2 called wrongly, or a setting is missing or wrong`,
    )
    .action(async ({ check, json }: { check: boolean; json: boolean }) => {
      const { database_url, database_migration_url } = readMigrationConfig(process.env);
      const missing = await findMissing(database_migration_url);
      if (!check) await migrate(database_migration_url, database_url);
      process.stdout.write(
        json ? `${JSON.stringify({ [check ? 'missing' : 'run']: missing })}\n` : tell(missing, check),
      );
      process.exitCode = check && missing.length > 0 ? 1 : 0;
    });
}

async function findMissing(connectionString: string): Promise<string[]> {
  const pool = createPool({ connectionString, max: 1, applicationName: 'payments migrate' });
  try {
    return await missingMigrations(pool);
  } finally {
    await pool.end();
  }
}

function tell(missing: string[], check: boolean): string {
  if (missing.length === 0) return 'The database is at this version.\n';
  const names = missing.map((name) => `  ${name}\n`).join('');
  return check ? `Not yet run:\n${names}` : `Run:\n${names}The database is at this version.\n`;
}
