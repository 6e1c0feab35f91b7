import pg from 'pg';
import type { Issuer } from './issuer/start.ts';

export interface Addresses {
  serviceUrl: string;
  stripeUrl: string;
  postgresUrl: string;
  issuer: Issuer;
  logFile: string;
  live: boolean;
}

const SCOPES = 'admin:refunds.read admin:payments.read admin:disputes.read';

/** Tells a newcomer where everything is, with a token and lines to paste. */
export async function printWelcome({
  serviceUrl,
  stripeUrl,
  postgresUrl,
  issuer,
  logFile,
  live,
}: Addresses): Promise<void> {
  const { counts, customer } = await readSample(postgresUrl);
  const { access_token: token } = await issuer.mintToken({ scope: SCOPES });
  process.stdout.write(`
  In the books: ${counts.payments} payments, ${counts.refunds} refunds, ${counts.disputes} disputes.${live ? ' More every few seconds.' : ''}

  API          ${serviceUrl}/v1/admin/refunds
  Reference    ${serviceUrl}/reference
  Health       ${serviceUrl}/readyz      Metrics ${serviceUrl}/metrics
  Sign-in      ${issuer.url}
  Stripe       ${stripeUrl}
  PostgreSQL   ${new URL(postgresUrl).host}      its URL and all settings: npm run -s local -- env
  Log          ${logFile}

  A token for the next hour (another one: npm run -s token -- --scope "admin:refunds.read"):

    export ACCESS_TOKEN=${token}

  The most recent refunds, and those of one customer:

    curl -H "Authorization: Bearer $ACCESS_TOKEN" "${serviceUrl}/v1/admin/refunds?limit=5"
    curl -H "Authorization: Bearer $ACCESS_TOKEN" "${serviceUrl}/v1/admin/refunds?customer_id=${customer}"

  Ctrl-C takes everything down; the data stays for the next start.
`);
}

async function readSample(databaseUrl: string) {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows: sums } = await client.query<{ payments: string; refunds: string; disputes: string }>(
      `SELECT (SELECT count(*) FROM payments) AS payments, (SELECT count(*) FROM refunds) AS refunds,
              (SELECT count(*) FROM disputes) AS disputes`,
    );
    const { rows: customers } = await client.query<{ customer_id: string }>(
      `SELECT customer_id FROM refunds WHERE brand_id = 'default'
       GROUP BY customer_id ORDER BY count(*) DESC, customer_id LIMIT 1`,
    );
    return {
      counts: sums[0] ?? { payments: '0', refunds: '0', disputes: '0' },
      customer: customers[0]?.customer_id ?? '',
    };
  } finally {
    await client.end();
  }
}
