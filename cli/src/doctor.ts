import type { Command } from 'commander';
import { type Config, readConfig } from '../../service/src/config.ts';
import { findUnencrypted } from '../../service/src/unencrypted.ts';
import { checkDatabase } from './doctor/database.ts';
import type { Finding } from './doctor/finding.ts';
import { checkIssuer } from './doctor/issuer.ts';
import { checkStripe } from './doctor/stripe.ts';
import { paint } from './table.ts';

const MARKS = { ok: 'ok', warning: 'warning', wrong: 'wrong' } as const;

/** `payments doctor`: looks at everything that the service needs, and says of what is wrong how to mend it. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'Look at settings, database, Stripe, its webhook endpoint, the issuer and the clocks; say how to mend what is wrong. Changes nothing.',
    )
    .option('--json', 'one JSON object for each finding', false)
    .addHelpText(
      'after',
      `
Example:
  $ payments doctor

Settings: those of the service.
Exit codes: 0 nothing is wrong · 1 something is · 2 a setting is missing or wrong`,
    )
    .action(async ({ json }: { json: boolean }) => {
      const show = ({ what, state, sentence, mend }: Finding) => {
        if (json) process.stdout.write(`${JSON.stringify({ what, state, sentence, mend: mend ?? null })}\n`);
        else {
          process.stdout.write(`${paint(MARKS[state].padEnd(7))}  ${what}: ${sentence}\n`);
          if (mend !== undefined) process.stdout.write(`         → ${mend}\n`);
        }
      };
      let worst: Finding['state'] = 'ok';
      for await (const finding of examine(process.env)) {
        show(finding);
        if (finding.state === 'wrong' || worst === 'ok') worst = finding.state;
      }
      process.exitCode = worst === 'wrong' ? 1 : 0;
    });
}

async function* examine(env: NodeJS.ProcessEnv): AsyncGenerator<Finding> {
  const config: Config = readConfig(env);
  yield { what: 'settings', state: 'ok', sentence: 'all that are needed are there, and can be read' };
  for (const setting of findUnencrypted(config)) {
    yield {
      what: 'settings',
      state: 'warning',
      sentence: `${setting} leads to another machine without encryption, or without looking at its certificate`,
      mend: 'Add sslmode=verify-full to a postgres:// address; write rediss:// for Redis.',
    };
  }
  if (config.event_secrets === undefined) {
    yield {
      what: 'settings',
      state: 'warning',
      sentence: 'EVENT_SECRET is not set: no endpoints for events can be made',
      mend: 'Set it to what openssl rand -base64 32 prints.',
    };
  }
  if (config.oauth_audience === undefined) {
    yield {
      what: 'settings',
      state: 'warning',
      sentence: 'OAUTH_AUDIENCE is not set: tokens that the issuer has made for other services are taken too',
      mend: 'Set it to what the issuer writes into aud for this service.',
    };
  }
  yield* checkDatabase(config);
  yield* checkIssuer(config);
  yield* checkStripe(config);
}
