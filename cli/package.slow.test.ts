import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { type IssuingWorld, startIssuing } from '../test/support/issuing.ts';
import { settingsOf } from '../test/support/service.ts';
import { buildPackage } from './build.ts';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));

/** A project of somebody else's that has installed the command. */
let project: string;
let world: IssuingWorld;
before(async () => {
  project = await mkdtemp(join(tmpdir(), 'payments-cli-'));
  const dist = await buildPackage();
  const { stdout } = await run('npm', ['pack', dist, '--pack-destination', project, '--silent']);
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'shop', private: true }));
  const install = ['install', join(project, stdout.trim()), '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', install, { cwd: project });
  world = await startIssuing();
});
after(async () => {
  await world[Symbol.asyncDispose]();
  await rm(project, { recursive: true, force: true });
});

const shell = async (line: string, env: Record<string, string>) => {
  const path = [join(project, 'node_modules/.bin'), dirname(process.execPath), process.env.PATH].join(':');
  return await run('bash', ['-euo', 'pipefail', '-c', line], {
    cwd: project,
    env: { PATH: path, HOME: project, ...env },
  });
};

test('the packed command is as publint wants it, and brings what it imports', async () => {
  const { messages } = await publint({ pkgDir: join(here, 'dist') });
  assert.deepEqual(messages, []);
});

test('every example of its README works where it was installed, against the service', async () => {
  const { payment_id } = await world.pay();
  await (await world.caller({ scope: 'admin:refunds' })).post('/v1/admin/refunds', {
    payment_id,
    amount_cents: 100,
  });
  const readme = await readFile(join(here, 'README.md'), 'utf8');
  const [, examples = ''] = [...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code]) => code ?? '');
  const lines = examples.trim().split('\n');
  assert.ok(lines.length >= 5);
  const { access_token } = await world.issuer.mintToken({ scope: 'admin:refunds admin:events' });
  const env = { PAYMENTS_URL: world.url, PAYMENTS_TOKEN: access_token };
  for (const line of lines) await shell(line, env);
  assert.equal((await readFile(join(project, 'refunds.ndjson'), 'utf8')).trim().split('\n').length, 1);
  const { stdout } = await shell('source <(payments completion bash) && payments refunds list', env);
  assert.match(stdout, /1\.00 USD +succeeded/);
});

test('what an operator does works from there, too, with its own migrations', async () => {
  const settings = settingsOf({
    databaseUrl: world.databaseUrl,
    standIn: world.standIn,
    issuer: world.issuer,
  });
  const backfill = await shell('payments backfill --since 2026-01-01 --json', settings);
  assert.ok(JSON.parse(backfill.stdout));
  await shell('payments verify', settings);
});
