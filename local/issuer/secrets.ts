import { generateKeyPairSync, type JsonWebKey, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_IDS, type ClientId } from './clients.ts';

/** What must outlive a restart so that cookies, tokens and other programs' settings stay good. */
export interface Secrets {
  jwks: { keys: JsonWebKey[] };
  cookieKeys: string[];
  clients: Record<ClientId, string>;
  /** The port of the last start. */
  port?: number;
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

function makeSecrets(): Secrets {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' };
  return {
    jwks: { keys: [key] },
    cookieKeys: [randomSecret()],
    clients: Object.fromEntries(CLIENT_IDS.map((id) => [id, randomSecret()])) as Record<ClientId, string>,
  };
}

function fileOf(directory: string): string {
  return join(directory, 'issuer.json');
}

/** The secrets kept in that folder, or new ones where there are none (nothing is written). */
export function loadSecrets(directory: string | undefined): Secrets {
  if (directory === undefined) return makeSecrets();
  try {
    return JSON.parse(readFileSync(fileOf(directory), 'utf8')) as Secrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return makeSecrets();
    throw error;
  }
}

/** Replaces the file at once, so that a crash leaves the old one or the new one; readable to us alone. */
export function saveSecrets(directory: string, secrets: Secrets): void {
  const temporary = `${fileOf(directory)}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(secrets), { mode: 0o600 });
  renameSync(temporary, fileOf(directory));
}
