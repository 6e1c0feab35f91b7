import type { Summary } from './books.ts';
import type { Issuer } from './issuer/start.ts';
import type { Postgres } from './postgres/start.ts';

export interface Welcome {
  serviceUrl: string;
  stripeUrl: string;
  issuer: Issuer;
  postgres: Postgres;
  /** Where the world's data lives. */
  directory: string;
  live: boolean;
  summary: Summary;
}

const SCOPES = 'admin:refunds.read admin:refunds.issue admin:payments.read admin:disputes.read';

/** Tells a newcomer where everything is, with a token and lines to paste. */
export async function printWelcome(world: Welcome): Promise<void> {
  const { serviceUrl, summary, directory, postgres } = world;
  const { access_token: token } = await world.issuer.mintToken({ scope: SCOPES });
  const count = (number: number) => number.toLocaleString('en-US');
  const list = `${serviceUrl}/v1/admin/refunds`;
  const curl = (query: string) => `curl -H "Authorization: Bearer $ACCESS_TOKEN" "${list}?${query}"`;
  // The commands look for the world in the same folder.
  const folder = process.env.LOCAL_DIR ? `LOCAL_DIR='${process.env.LOCAL_DIR}' ` : '';
  const elsewhere = postgres.directory.startsWith(directory) ? '' : `\n              ${postgres.directory}`;
  process.stdout.write(`
  In the books: ${count(summary.payments)} payments, ${count(summary.refunds)} refunds, ${count(summary.disputes)} disputes${world.live ? ', and more every few seconds' : ''}.

  Console     ${serviceUrl}/console
  API         ${list}
  Reference   ${serviceUrl}/reference
  Docs        ${serviceUrl}/docs
  Health      ${serviceUrl}/readyz
  Metrics     ${serviceUrl}/metrics
  Sign-in     ${world.issuer.url}
  Stripe      ${world.stripeUrl}
  PostgreSQL  ${new URL(postgres.url).host}
  Data, logs  ${directory}${elsewhere}

  Paste into another terminal; the token lasts an hour:

    export ACCESS_TOKEN=${token}
    ${curl('limit=5')}
    ${curl(`customer_id=${encodeURIComponent(summary.customer)}`)}
    curl -H "Authorization: Bearer $ACCESS_TOKEN" -H "Content-Type: application/json" -d '{"payment_id": "${summary.payment}", "amount_cents": 500}' "${list}"

  Another token   ${folder}npm run -s token -- --scope "admin:refunds.read" --as agent
  All settings    ${folder}npm run -s local -- env
  Stop            Ctrl-C; the data stays for the next start
`);
}
