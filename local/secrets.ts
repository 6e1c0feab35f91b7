import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivately } from './running.ts';

/** The keys of a local world: made at its first start, kept in its folder, readable by its owner only. */
export interface LocalSecrets {
  stripe_api_key: string;
  stripe_webhook_secret: string;
  issuer_control_secret: string;
  event_secret: string;
}

const make = (): LocalSecrets => ({
  stripe_api_key: `sk_test_${randomBytes(24).toString('hex')}`,
  stripe_webhook_secret: `whsec_${randomBytes(24).toString('hex')}`,
  issuer_control_secret: randomBytes(24).toString('base64url'),
  event_secret: randomBytes(32).toString('base64url'),
});

/** Those of the folder; one that an older version has not made is made. */
export function localSecrets(directory: string): LocalSecrets {
  const file = join(directory, 'secrets.json');
  const secrets = { ...make(), ...read(file) };
  writePrivately(file, secrets);
  return secrets;
}

function read(file: string): Partial<LocalSecrets> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<LocalSecrets>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
