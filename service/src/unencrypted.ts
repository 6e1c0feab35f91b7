import type { Config } from './config.ts';

const HERE = new Set(['', '127.0.0.1', '[::1]', 'localhost']);
/** What node-postgres takes for TLS with the server's certificate verified (https://node-postgres.com/features/ssl). */
const VERIFIED = new Set(['prefer', 'require', 'verify-ca', 'verify-full']);

type Addresses = Pick<Config, 'database_url' | 'database_migration_url' | 'redis_url'>;

/** The settings by which something is connected to on another machine without TLS, or without knowing whose certificate it is. */
export function findUnencrypted({ database_url, database_migration_url, redis_url }: Addresses): string[] {
  return [
    ...(isPlainPostgres(database_url) ? ['DATABASE_URL'] : []),
    ...(isPlainPostgres(database_migration_url) && database_migration_url !== database_url
      ? ['DATABASE_MIGRATION_URL']
      : []),
    ...(redis_url?.startsWith('redis:') && !HERE.has(new URL(redis_url).hostname) ? ['REDIS_URL'] : []),
  ];
}

function isPlainPostgres(address: string): boolean {
  const { hostname, searchParams } = new URL(address);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  // A path is a socket of this machine.
  if (HERE.has(host) || host.startsWith('/')) return false;
  return !VERIFIED.has(searchParams.get('sslmode') ?? '') && searchParams.get('ssl') !== 'true';
}
