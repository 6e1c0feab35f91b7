import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { DEFAULT_ROLES, type Roles } from './access/roles.ts';
import { grants, SCOPES } from './access/scopes.ts';
import { SIGNATURES, type Signature } from './access/signatures.ts';
import type { Limits } from './http/limits.ts';
import { type ApprovalLimits, LIMITED_ROLES } from './refunds/limits.ts';

/** Every setting of the service: read once, at the start, from the environment. */
export interface Config {
  port: number;
  host: string;
  database_url: string;
  database_migration_url: string;
  migrations: (typeof MIGRATIONS)[number];
  database_pool_size: number;
  stripe_api_key: string;
  stripe_api_base: string;
  stripe_background_requests_per_second: number;
  batch_refunds_per_second: number;
  stripe_webhook_secrets: string[];
  oauth_issuer: string | undefined;
  oauth_introspection_url: string | undefined;
  oauth_client_id: string;
  oauth_client_secret: string;
  oauth_audience: string | undefined;
  oauth_jwt: (typeof JWT_WAYS)[number];
  oauth_signing_algorithms: Signature[];
  oauth_roles_claim: string | undefined;
  role_scopes: Roles;
  public_url: string | undefined;
  cors_origins: string[];
  /** People sign in with a browser; undefined: they cannot. */
  sign_in: SignInConfig | undefined;
  /** 0: whenever they signed in. */
  recent_sign_in_s: number;
  cursor_secrets: string[];
  default_brand: string;
  approval_limits: ApprovalLimits;
  /** Minutes after midnight UTC; undefined for never. */
  reconcile_at_min: number | undefined;
  event_retention_days: number;
  /** Undefined: events go nowhere. */
  event_secrets: string[] | undefined;
  event_private_addresses: boolean;
  limits: Limits;
  /** At which addresses; undefined: nobody's word is taken. */
  trust_proxy: string[] | undefined;
  redis_url: string | undefined;
  connections_max: number;
  drain_s: number;
  role: Role;
  log_level: (typeof LOG_LEVELS)[number];
}

export interface SignInConfig {
  public_url: string;
  client_id: string;
  client_secret: string;
  session_secrets: string[];
  idle_s: number;
  lifetime_s: number;
}

/** No setting: what is under way at a stop has this long. Whoever stops the service has to be more patient (deploy/). */
export const STOP_WITHIN_MS = 25_000;

const ROLES = ['all', 'api', 'worker'] as const;
const MIGRATIONS = ['run', 'wait'] as const;
const JWT_WAYS = ['introspect', 'verify'] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
type Role = (typeof ROLES)[number];

/** The start is refused; one sentence a setting, without the values. */
export class ConfigError extends Error {
  constructor(problems: string[]) {
    super(`The settings are not right:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

interface Setting<T> {
  type: string;
  meaning: string;
  /** What it is when unset, for the documentation. Without it the setting is required. */
  fallback?: string;
  /** Turns the text into the value, or throws a RangeError that ends the sentence "<NAME> …". */
  read(text: string): T;
}

const text = (read: (value: string) => string = (value) => value) => read;

function whole(min: number, max: number) {
  return (value: string) => {
    const number = Number(value);
    if (!/^\d{1,9}$/.test(value) || number < min || number > max) {
      throw new RangeError(`has to be a whole number from ${min} to ${max}.`);
    }
    return number;
  };
}

function choice<const T extends string>(choices: readonly T[]) {
  return (value: string): T => {
    const found = choices.find((one) => one === value);
    if (found === undefined) throw new RangeError(`has to be one of: ${choices.join(', ')}.`);
    return found;
  };
}

function list(value: string): string[] {
  const parts = value.split(',').map((part) => part.trim());
  if (parts.some((part) => part === '')) throw new RangeError('has an empty part between its commas.');
  return parts;
}

/** Some of these, as a list. */
function someOf<const T extends string>(choices: readonly T[]) {
  const one = choice(choices);
  return (value: string): T[] => list(value).map(one);
}

const SECRET_LENGTH_MIN = 32;

/** Secrets of our own making: each is a key, not a password. */
function keys(value: string): string[] {
  const parts = list(value);
  if (parts.some((part) => part.length < SECRET_LENGTH_MIN)) {
    throw new RangeError(
      `has to be ${SECRET_LENGTH_MIN} characters or more, by chance, e.g. from openssl rand -base64 32.`,
    );
  }
  return parts;
}

/** An address to send secrets to: https, but for this machine itself. */
function secureUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new RangeError('has to be an https:// address.');
  if (url.protocol === 'http:' && !['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)) {
    throw new RangeError('has to be an https:// address (http:// is for this machine itself only).');
  }
  return value;
}

function origins(value: string): string[] {
  return list(value).map((part) => {
    if (!URL.canParse(part) || new URL(part).origin !== part) {
      throw new RangeError('has to be a list of origins such as https://shop.example, without a path.');
    }
    return part;
  });
}

function postgresUrl(value: string): string {
  if (!URL.canParse(value) || !/^postgres(ql)?:\/\//.test(value)) {
    throw new RangeError(
      'has to be a postgres:// address, e.g. postgres://user:password@host:5432/payments.',
    );
  }
  return value;
}

function redisUrl(value: string): string {
  if (!URL.canParse(value) || !/^rediss?:\/\//.test(value)) {
    throw new RangeError('has to be a redis:// or rediss:// address.');
  }
  return value;
}

function brand(value: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(value))
    throw new RangeError('has to be 1 to 64 letters, digits, dots, dashes and underscores.');
  return value;
}

/** `agent:eur=10000`: a role, a currency, and up to how much of it (smallest unit) the role refunds by itself. */
function approvalLimits(value: string): ApprovalLimits {
  const limits: ApprovalLimits = {};
  for (const part of list(value)) {
    const [, role, currency = '', cents] = /^([a-z]+):([a-z]{3})=(\d{1,12})$/.exec(part) ?? [];
    const known = LIMITED_ROLES.find((one) => one === role);
    if (known === undefined) {
      throw new RangeError(
        `has to be a list such as agent:eur=10000,service:eur=50000; roles are ${LIMITED_ROLES.join(', ')}.`,
      );
    }
    limits[known] = { ...limits[known], [currency]: Number(cents) };
  }
  return limits;
}

/** `agent=admin:refunds.read admin:refunds.issue`: a role, and what somebody who has it may do. */
function roleScopes(value: string): Roles {
  return Object.fromEntries(
    list(value).map((part) => {
      const [, role, scopes] = /^([A-Za-z0-9._:/-]{1,128})=([a-z:.]+(?: [a-z:.]+)*)$/.exec(part) ?? [];
      if (role === undefined || scopes === undefined) {
        throw new RangeError(
          'has to be a list such as agent=admin:refunds.read admin:refunds.issue, auditor=….',
        );
      }
      if (!scopes.split(' ').every(opensSomething)) {
        throw new RangeError('has a scope that opens nothing; the scopes are in the API reference.');
      }
      return [role, scopes.split(' ')];
    }),
  );
}

const opensSomething = (scope: string) => Object.keys(SCOPES).some((one) => grants(new Set([scope]), one));

const writeRoleScopes = (roles: Roles) =>
  Object.entries(roles)
    .map(([role, scopes]) => `${role}=${scopes.join(' ')}`)
    .join(', ');

/** `03:00` in minutes after midnight. */
function timeOfDay(value: string): number | undefined {
  if (value === 'never') return undefined;
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(value) ?? [];
  if (hours === undefined) throw new RangeError('has to be a time such as 03:00, or the word never.');
  return Number(hours) * 60 + Number(minutes);
}

const NETWORKS = ['loopback', 'linklocal', 'uniquelocal'];

function addresses(value: string): string[] {
  const given = list(value);
  // `10` alone would be read as an address, too.
  const isAddress = (one: string) => /[.:]/.test(one) && (ipaddr.isValid(one) || ipaddr.isValidCIDR(one));
  if (!given.every((one) => NETWORKS.includes(one) || isAddress(one))) {
    throw new RangeError(`has to be a list of addresses such as 10.0.0.0/8, ${NETWORKS.join(', ')}.`);
  }
  return given;
}

const SETTINGS = {
  PORT: {
    type: 'number',
    fallback: '8080',
    meaning: 'Where the service listens; `0` for any free port.',
    read: whole(0, 65_535),
  },
  HOST: {
    type: 'address',
    fallback: '0.0.0.0',
    meaning: 'On which of the machine’s addresses; `127.0.0.1` for this machine only.',
    // The framework would listen for it twice, and the bounds of connections hold for one of the two only.
    read: text((value) => (value === 'localhost' ? '127.0.0.1' : value)),
  },
  DATABASE_URL: {
    type: 'secret',
    meaning: 'PostgreSQL, 15 or later, as the role that serves.',
    read: text(postgresUrl),
  },
  DATABASE_MIGRATION_URL: {
    type: 'secret',
    fallback: '',
    meaning:
      'The same database as a role that owns the tables and may change them. Set: DATABASE_URL’s role needs no rights of its own; it is made a member of `payments_service`. Unset: DATABASE_URL migrates too.',
    read: text(postgresUrl),
  },
  MIGRATIONS: {
    type: MIGRATIONS.join(' \\| '),
    fallback: 'run',
    meaning:
      'Whether a start brings the database to its version (`run`), or waits until `payments migrate` has done so (`wait`), which needs no DATABASE_MIGRATION_URL.',
    read: choice(MIGRATIONS),
  },
  DATABASE_POOL_SIZE: {
    type: 'number',
    fallback: '16',
    meaning: 'The most connections of one process, the job queue’s not counted.',
    read: whole(2, 200),
  },
  STRIPE_API_KEY: {
    type: 'secret',
    meaning:
      'A secret or restricted key (`sk_…`, `rk_…`) that may read charges, payment intents, refunds, disputes and invoices, and write refunds.',
    read: text(),
  },
  STRIPE_API_BASE: {
    type: 'address',
    fallback: 'https://api.stripe.com',
    meaning: 'Stripe, or what speaks like it.',
    read: text(secureUrl),
  },
  STRIPE_BACKGROUND_REQUESTS_PER_SECOND: {
    type: 'number',
    fallback: '20',
    meaning:
      'The most that one process sends to Stripe in a second for what nobody waits for: backfill, reconciliation, finding out what has become of refunds. A sandbox takes 25 in all.',
    read: whole(1, 100_000),
  },
  BATCH_REFUNDS_PER_SECOND: {
    type: 'number',
    fallback: '5',
    meaning:
      'How many refunds a batch issues in a second at the most. Its rows go one after another, so it is no more than Stripe’s answers let through; each process has one row at a time under way.',
    read: whole(1, 100),
  },
  STRIPE_WEBHOOK_SECRET: {
    type: 'secret, …',
    meaning: 'The endpoint’s signing secret (`whsec_…`); several, separated by commas, while one is rotated.',
    read: list,
  },
  OAUTH_ISSUER: {
    type: 'address',
    fallback: '',
    meaning:
      'The issuer of access tokens; its addresses are found by discovery. This or OAUTH_INTROSPECTION_URL is needed.',
    read: text(secureUrl),
  },
  OAUTH_INTROSPECTION_URL: {
    type: 'address',
    fallback: '',
    meaning: 'Where tokens are introspected (RFC 7662), if the issuer has no discovery.',
    read: text(secureUrl),
  },
  OAUTH_CLIENT_ID: { type: 'text', meaning: 'As whom the service asks the issuer.', read: text() },
  OAUTH_CLIENT_SECRET: { type: 'secret', meaning: 'The secret of that client.', read: text() },
  OAUTH_AUDIENCE: {
    type: 'text',
    fallback: '',
    meaning: 'What a token’s `aud` has to contain. Unset: `aud` is not looked at.',
    read: text(),
  },
  OAUTH_JWT: {
    type: JWT_WAYS.join(' \\| '),
    fallback: 'introspect',
    meaning:
      'Whether the issuer is asked about access tokens that are JWTs as about any other, so that a revoked one is known within a minute; or they are verified by its keys (RFC 9068), for issuers without introspection: a revoked one then works until it expires. Needs OAUTH_ISSUER and OAUTH_AUDIENCE.',
    read: choice(JWT_WAYS),
  },
  OAUTH_SIGNING_ALGORITHMS: {
    type: 'algorithm, …',
    fallback: SIGNATURES.join(','),
    meaning:
      'How JWTs of the issuer’s, ID tokens among them, may be signed. Name those that yours signs with, and no other ([which are better](cryptography.md)).',
    read: someOf(SIGNATURES),
  },
  OAUTH_ROLES_CLAIM: {
    type: 'text',
    fallback: '',
    meaning:
      'The claim of a token that says what a person is, e.g. `roles`. Set: a person may do what ROLE_SCOPES and the token’s scopes both allow. Unset: what the scopes allow.',
    read: text(),
  },
  ROLE_SCOPES: {
    type: 'role=scope …, …',
    fallback: writeRoleScopes(DEFAULT_ROLES),
    meaning: 'What somebody who has a role may do.',
    read: roleScopes,
  },
  PUBLIC_URL: {
    type: 'address',
    fallback: '',
    meaning: 'The service as browsers know it, e.g. `https://payments.example`; needed where people sign in.',
    read: text(secureUrl),
  },
  CORS_ORIGINS: {
    type: 'address, …',
    fallback: '',
    meaning:
      'Other origins whose pages may call the API with a token of their own, e.g. `https://shop.example`. Unset: none.',
    read: origins,
  },
  CONSOLE_CLIENT_ID: {
    type: 'text',
    fallback: '',
    meaning:
      'As which client of the issuer’s people sign in (authorization code, PKCE), coming back to `<PUBLIC_URL>/auth/callback`. Unset: nobody signs in with a browser.',
    read: text(),
  },
  CONSOLE_CLIENT_SECRET: {
    type: 'secret',
    fallback: '',
    meaning: 'The secret of that client.',
    read: text(),
  },
  SESSION_SECRET: {
    type: 'secret, …',
    fallback: '',
    meaning:
      'Seals the tokens of people who are signed in; several, separated by commas, while one is rotated: the first seals. Unset: derived from CONSOLE_CLIENT_SECRET.',
    read: keys,
  },
  SESSION_IDLE_MINUTES: {
    type: 'number',
    fallback: '30',
    meaning: 'After how long without a request a session is over.',
    read: whole(1, 1_440),
  },
  SESSION_HOURS: {
    type: 'number',
    fallback: '12',
    meaning: 'After how long a session is over in any case.',
    read: whole(1, 720),
  },
  RECENT_SIGN_IN_MINUTES: {
    type: 'number',
    fallback: '15',
    meaning:
      'How long ago a person may have signed in who approves a refund, or asks for one that has to be approved (RFC 9470); a token that does not say when (`auth_time`) is not enough. `0`: whenever.',
    read: whole(0, 1_440),
  },
  CURSOR_SECRET: {
    type: 'secret, …',
    fallback: '',
    meaning:
      'Signs the cursors of pages; several, separated by commas, while one is rotated: the first signs. Unset: derived from OAUTH_CLIENT_SECRET.',
    read: keys,
  },
  DEFAULT_BRAND: {
    type: 'text',
    fallback: 'default',
    meaning: 'The brand of what names none.',
    read: text(brand),
  },
  APPROVAL_LIMITS: {
    type: 'role:currency=amount, …',
    fallback: '',
    meaning:
      'Up to how much (smallest unit) a `service`, an `agent` or an `approver` refunds without somebody else’s approval, e.g. `agent:eur=10000`. A role that is named needs approval in every currency that is not; one that is not named never does. The table `approval_limits` goes before it.',
    read: approvalLimits,
  },
  RECONCILE_AT: {
    type: 'time',
    fallback: '03:00',
    meaning:
      'When, in UTC, the last 35 days are compared with Stripe every night, by one of the workers; `never` for not by itself.',
    read: timeOfDay,
  },
  EVENT_RETENTION_DAYS: {
    type: 'number',
    fallback: '90',
    meaning:
      'How long events of Stripe’s that are done with, and deliveries of our own, are kept, 35 days or more: Stripe sends and lists its events for up to 30, and what is kept is known as a duplicate.',
    read: whole(35, 36_500),
  },
  EVENT_SECRET: {
    type: 'secret, …',
    fallback: '',
    meaning:
      'Seals the secrets that events to other services are signed with; several, separated by commas, while one is rotated: the first seals. Unset: no endpoints for events can be made.',
    read: keys,
  },
  EVENT_PRIVATE_ADDRESSES: {
    type: 'refuse \\| allow',
    fallback: 'refuse',
    meaning:
      'Whether events may be sent to private and loopback addresses, and without TLS. Only where nobody who may create endpoints could do harm by it.',
    read: choice(['refuse', 'allow']),
  },
  RATE_LIMIT_READS_PER_MINUTE: {
    type: 'number',
    fallback: '1000',
    meaning: 'How often one client may read in any minute, counted over all instances.',
    read: whole(1, 100_000_000),
  },
  RATE_LIMIT_WRITES_PER_MINUTE: {
    type: 'number',
    fallback: '200',
    meaning: 'How often one client may change something in any minute, counted likewise.',
    read: whole(1, 100_000_000),
  },
  RATE_LIMIT_ADDRESS_READS_PER_MINUTE: {
    type: 'number',
    fallback: '',
    meaning:
      'How often may be read from one address (of IPv6: one /64) in any minute, by all clients together. Unset: as often as by one client.',
    read: whole(1, 100_000_000),
  },
  RATE_LIMIT_ADDRESS_WRITES_PER_MINUTE: {
    type: 'number',
    fallback: '',
    meaning: 'How often something may be changed from one address in any minute. Unset likewise.',
    read: whole(1, 100_000_000),
  },
  RATE_LIMIT_FAILURES_PER_MINUTE: {
    type: 'number',
    fallback: '30',
    meaning:
      'How many bad, dead or malformed tokens are taken from one address in any minute. Beyond that only tokens that are known to be good open anything from there.',
    read: whole(1, 100_000_000),
  },
  REDIS_URL: {
    type: 'secret',
    fallback: '',
    meaning:
      'A Redis (7 or later) through which instances tell each other what callers have done, e.g. `rediss://user:password@host:6379`. Unset: the database.',
    read: text(redisUrl),
  },
  TRUST_PROXY: {
    type: 'address, …',
    fallback: '',
    meaning:
      'Where proxies stand (`10.0.0.0/8`, `loopback`, `uniquelocal`) whose `X-Forwarded-For` is believed to say where a request comes from. Unset: nobody’s is. Behind a proxy it has to be set, or all callers share the proxy’s address, and with it what one address may do.',
    read: addresses,
  },
  CONNECTIONS_MAX: {
    type: 'number',
    fallback: '15000',
    meaning:
      'How many connections of callers one process holds; one more is closed at once. Each needs a file handle (`ulimit -n`) and, idle, some 10 KB.',
    read: whole(10, 1_000_000),
  },
  DRAIN_SECONDS: {
    type: 'number',
    fallback: '0',
    meaning:
      'For how long after SIGTERM requests are still taken while `/readyz` says 503, so that whoever sends them here can stop doing so: longer than a load balancer takes to notice. What is under way then has another 25 s.',
    read: whole(0, 300),
  },
  ROLE: {
    type: ROLES.join(' \\| '),
    fallback: 'all',
    meaning: 'What this process does: answer requests, work off the inbox, or both.',
    read: choice(ROLES),
  },
  LOG_LEVEL: {
    type: LOG_LEVELS.join(' \\| '),
    fallback: 'info',
    meaning: 'How much is logged.',
    read: choice(LOG_LEVELS),
  },
} satisfies Record<string, Setting<unknown>>;

type Name = keyof typeof SETTINGS;
type Value<N extends Name> = ReturnType<(typeof SETTINGS)[N]['read']>;

/** A setting, or what is in the file that `<NAME>_FILE` names, which is how containers are handed secrets. */
function readGiven(env: NodeJS.ProcessEnv, name: Name): string | undefined {
  const given = env[name]?.trim();
  const file = env[`${name}_FILE`]?.trim();
  if (!file) return given;
  if (given) throw new RangeError(`is given twice: by itself and in the file that ${name}_FILE names.`);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new RangeError(
      `cannot be read from the file that ${name}_FILE names (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
}

function readValues(
  env: NodeJS.ProcessEnv,
  names: readonly Name[],
): { problems: string[]; values: Map<Name, unknown> } {
  const problems: string[] = [];
  const values = new Map<Name, unknown>();
  for (const name of names) {
    const setting: Setting<unknown> = SETTINGS[name];
    try {
      const given = readGiven(env, name) || setting.fallback;
      if (given === undefined) {
        problems.push(`${name} is missing. ${setting.meaning}`);
        continue;
      }
      values.set(name, given === '' ? undefined : setting.read(given));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      problems.push(`${name} ${error.message}`);
    }
  }
  return { problems, values };
}

/** What a command beside the service needs of its settings: where the books and Stripe are, not who may call. */
export function readBackfillConfig(
  env: NodeJS.ProcessEnv,
): Pick<
  Config,
  | 'database_url'
  | 'database_migration_url'
  | 'stripe_api_key'
  | 'stripe_api_base'
  | 'stripe_background_requests_per_second'
  | 'default_brand'
> {
  const { problems, values } = readValues(env, [
    'DATABASE_URL',
    'DATABASE_MIGRATION_URL',
    'STRIPE_API_KEY',
    'STRIPE_API_BASE',
    'STRIPE_BACKGROUND_REQUESTS_PER_SECOND',
    'DEFAULT_BRAND',
  ]);
  if (problems.length > 0) throw new ConfigError(problems);
  const value = <N extends Name>(name: N) => values.get(name) as Value<N>;
  return {
    database_url: value('DATABASE_URL'),
    database_migration_url:
      (values.get('DATABASE_MIGRATION_URL') as string | undefined) ?? value('DATABASE_URL'),
    stripe_api_key: value('STRIPE_API_KEY'),
    stripe_api_base: value('STRIPE_API_BASE'),
    stripe_background_requests_per_second: value('STRIPE_BACKGROUND_REQUESTS_PER_SECOND'),
    default_brand: value('DEFAULT_BRAND'),
  };
}

/** What a command needs that only looks at the books, or changes what is queued. */
export function readDatabaseConfig(env: NodeJS.ProcessEnv): Pick<Config, 'database_url' | 'default_brand'> {
  const { problems, values } = readValues(env, ['DATABASE_URL', 'DEFAULT_BRAND']);
  if (problems.length > 0) throw new ConfigError(problems);
  const value = <N extends Name>(name: N) => values.get(name) as Value<N>;
  return { database_url: value('DATABASE_URL'), default_brand: value('DEFAULT_BRAND') };
}

/** What bringing the database to this version needs: as whom, and who will serve. */
export function readMigrationConfig(
  env: NodeJS.ProcessEnv,
): Pick<Config, 'database_url' | 'database_migration_url'> {
  const { problems, values } = readValues(env, ['DATABASE_URL', 'DATABASE_MIGRATION_URL']);
  if (problems.length > 0) throw new ConfigError(problems);
  const database_url = values.get('DATABASE_URL') as string;
  return {
    database_url,
    database_migration_url: (values.get('DATABASE_MIGRATION_URL') as string | undefined) ?? database_url,
  };
}

/** Reads and checks all settings; throws one ConfigError that names everything that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const { problems, values } = readValues(env, Object.keys(SETTINGS) as Name[]);
  const isGiven = (name: Name) => [name, `${name}_FILE`].some((one) => Boolean(env[one]?.trim()));
  if (!isGiven('OAUTH_ISSUER') && !isGiven('OAUTH_INTROSPECTION_URL')) {
    problems.push('OAUTH_ISSUER is missing (or OAUTH_INTROSPECTION_URL, where the issuer has no discovery).');
  }
  if (values.get('OAUTH_JWT') === 'verify') {
    for (const name of ['OAUTH_ISSUER', 'OAUTH_AUDIENCE'] as const) {
      if (values.get(name) === undefined) problems.push(`${name} is missing: OAUTH_JWT=verify needs it.`);
    }
  }
  if (values.get('CONSOLE_CLIENT_ID') !== undefined) {
    for (const name of ['PUBLIC_URL', 'CONSOLE_CLIENT_SECRET', 'OAUTH_ISSUER'] as const) {
      if (values.get(name) === undefined && !isGiven(name))
        problems.push(`${name} is missing: CONSOLE_CLIENT_ID needs it.`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);

  const value = <N extends Name>(name: N) => values.get(name) as Value<N>;
  const optional = <N extends Name>(name: N) => values.get(name) as Value<N> | undefined;
  const reads_per_minute = value('RATE_LIMIT_READS_PER_MINUTE');
  const writes_per_minute = value('RATE_LIMIT_WRITES_PER_MINUTE');
  return {
    port: value('PORT'),
    host: value('HOST'),
    database_url: value('DATABASE_URL'),
    database_migration_url: optional('DATABASE_MIGRATION_URL') ?? value('DATABASE_URL'),
    migrations: value('MIGRATIONS'),
    database_pool_size: value('DATABASE_POOL_SIZE'),
    stripe_api_key: value('STRIPE_API_KEY'),
    stripe_api_base: value('STRIPE_API_BASE'),
    stripe_background_requests_per_second: value('STRIPE_BACKGROUND_REQUESTS_PER_SECOND'),
    batch_refunds_per_second: value('BATCH_REFUNDS_PER_SECOND'),
    stripe_webhook_secrets: value('STRIPE_WEBHOOK_SECRET'),
    oauth_issuer: optional('OAUTH_ISSUER'),
    oauth_introspection_url: optional('OAUTH_INTROSPECTION_URL'),
    oauth_client_id: value('OAUTH_CLIENT_ID'),
    oauth_client_secret: value('OAUTH_CLIENT_SECRET'),
    oauth_audience: optional('OAUTH_AUDIENCE'),
    oauth_jwt: value('OAUTH_JWT'),
    oauth_signing_algorithms: value('OAUTH_SIGNING_ALGORITHMS'),
    oauth_roles_claim: optional('OAUTH_ROLES_CLAIM'),
    role_scopes: value('ROLE_SCOPES'),
    public_url: optional('PUBLIC_URL'),
    cors_origins: optional('CORS_ORIGINS') ?? [],
    sign_in: readSignIn(values),
    recent_sign_in_s: value('RECENT_SIGN_IN_MINUTES') * 60,
    cursor_secrets: optional('CURSOR_SECRET') ?? [
      deriveSecret(value('OAUTH_CLIENT_SECRET'), 'payments cursor'),
    ],
    default_brand: value('DEFAULT_BRAND'),
    approval_limits: optional('APPROVAL_LIMITS') ?? {},
    reconcile_at_min: value('RECONCILE_AT'),
    event_retention_days: value('EVENT_RETENTION_DAYS'),
    event_secrets: optional('EVENT_SECRET'),
    event_private_addresses: value('EVENT_PRIVATE_ADDRESSES') === 'allow',
    limits: {
      client: { reads_per_minute, writes_per_minute },
      address: {
        reads_per_minute: optional('RATE_LIMIT_ADDRESS_READS_PER_MINUTE') ?? reads_per_minute,
        writes_per_minute: optional('RATE_LIMIT_ADDRESS_WRITES_PER_MINUTE') ?? writes_per_minute,
      },
      failures_per_minute: value('RATE_LIMIT_FAILURES_PER_MINUTE'),
    },
    trust_proxy: optional('TRUST_PROXY'),
    redis_url: optional('REDIS_URL'),
    connections_max: value('CONNECTIONS_MAX'),
    drain_s: value('DRAIN_SECONDS'),
    role: value('ROLE'),
    log_level: value('LOG_LEVEL'),
  };
}

function readSignIn(values: ReadonlyMap<Name, unknown>): SignInConfig | undefined {
  const value = <N extends Name>(name: N) => values.get(name) as Value<N> | undefined;
  const client_id = value('CONSOLE_CLIENT_ID');
  if (client_id === undefined) return undefined;
  const client_secret = value('CONSOLE_CLIENT_SECRET') ?? '';
  return {
    client_id,
    client_secret,
    public_url: new URL(value('PUBLIC_URL') ?? '').origin,
    session_secrets: value('SESSION_SECRET') ?? [deriveSecret(client_secret, 'payments sessions')],
    idle_s: (value('SESSION_IDLE_MINUTES') ?? 0) * 60,
    lifetime_s: (value('SESSION_HOURS') ?? 0) * 3_600,
  };
}

/** A secret of its own purpose, the same in every instance (HKDF, RFC 5869). */
function deriveSecret(secret: string, purpose: string): string {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)).toString('base64url');
}

/** What `docs/settings.md` says: all settings, as they are read. */
export function describeSettings(): string {
  const rows = Object.entries(SETTINGS).map(([name, setting]: [string, Setting<unknown>]) => {
    const fallback =
      setting.fallback === undefined
        ? '**required**'
        : setting.fallback === ''
          ? ''
          : `\`${setting.fallback}\``;
    return `| \`${name}\` | ${setting.type} | ${fallback} | ${setting.meaning} |`;
  });
  return `# Settings

Made by \`npm run openapi\` from what the service reads (\`service/src/config.ts\`); a test fails where this page says anything else.

All come from the environment, of the service as of the commands (\`payments …\`, which each need some of them and say which). Any may instead be in a file that \`<NAME>_FILE\` names, as Docker,
Kubernetes and systemd hand over secrets; not both. Several are separated by commas. A wrong or missing one stops the start with a sentence for each, and never shows a value. They are read once:
[replacing a secret](rotation.md) is a restart, one instance after another.

| setting | type | default | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}
