import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { build } from 'vite';
import { type IssuingWorld, startIssuing } from '../test/support/issuing.ts';
import { buildPackage } from './build.ts';
import { createPayments, type ExportedRefund } from './src/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** A project of somebody else's that has installed the package. */
let project: string;
let tarball: string;
let world: IssuingWorld;
before(async () => {
  project = await mkdtemp(join(tmpdir(), 'payments-client-'));
  const dist = buildPackage();
  const { stdout } = await run('npm', ['pack', dist, '--pack-destination', project, '--silent']);
  tarball = join(project, stdout.trim());
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'shop', type: 'module', private: true }),
  );
  await run('npm', ['install', tarball, '--prefer-offline', '--no-audit', '--no-fund'], { cwd: project });
  world = await startIssuing();
});
after(async () => {
  await world[Symbol.asyncDispose]();
  await rm(project, { recursive: true, force: true });
});

test('the package is as publint wants it', async () => {
  const { messages } = await publint({ pkgDir: join(root, 'client/dist'), strict: true });
  assert.deepEqual(messages, []);
});

test('its types are found by every way of resolving that knows ES modules, and are not wrong', async () => {
  const analysis = await checkPackage(createPackageFromTarballData(await readFile(tarball)));
  assert.ok(analysis.types !== false);
  const wrong = 'problems' in analysis ? analysis.problems : [];
  // An ES module is one for `require`, too, which Node 20.19 and later load; there is nothing for node10.
  assert.deepEqual(
    wrong.filter(
      ({ kind, ...at }) =>
        kind !== 'CJSResolvesToESM' && !('resolutionKind' in at && at.resolutionKind === 'node10'),
    ),
    [],
  );
});

test('every example of its README compiles and runs in a project outside, against the service', async () => {
  await world.pay();
  const readme = await readFile(join(root, 'client/README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code ?? '');
  assert.ok(blocks.length >= 8);
  const imported = new Set<string>();
  const code = blocks
    .join('\n')
    .replaceAll(/^import \{ (.*) \} from '@payments\/client';$/gm, (_, names: string) => {
      for (const name of names.split(', ')) imported.add(name);
      return '';
    });
  const file = join(project, 'examples.ts');
  await writeFile(file, `import { ${[...imported].join(', ')} } from '@payments/client';\n${code}`);
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck'];
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  await run('tsc', [...options, ...types, '--ignoreConfig', file]).catch(({ stdout }: { stdout: string }) =>
    assert.fail(stdout),
  );
  const { access_token } = await world.issuer.mintToken({
    scope: 'admin:refunds admin:payments admin:events',
  });
  const env = { ...process.env, PAYMENTS_URL: world.url, PAYMENTS_TOKEN: access_token };
  const { stdout } = await run(process.execPath, [file], { env });
  assert.match(stdout, /404 not_found There is no such refund/);
  assert.equal(world.standIn.world.store.list('refund', { where: {}, created: {}, limit: 100 }).length, 1);
});

test('a line of an export has what its type says, neither more nor less', async () => {
  const { payment_id } = await world.pay();
  const { access_token } = await world.issuer.mintToken({ scope: 'admin:refunds' });
  const payments = createPayments({ baseUrl: world.url, token: access_token });
  await payments.refunds.issue({ payment_id, reason: 'goodwill' });
  const typed = {
    refund_id: true,
    payment_id: true,
    charge_id: true,
    customer_id: true,
    amount_cents: true,
    currency: true,
    status: true,
    reason_code: true,
    stripe_refund_id: true,
    origin: true,
    requested_by_type: true,
    requested_by_id: true,
    failure_reason: true,
    bank_reference: true,
    owed_cents: true,
    created_at: true,
    updated_at: true,
  } satisfies Record<keyof ExportedRefund, true>;
  for await (const row of payments.refunds.export()) assert.deepEqual(Object.keys(row), Object.keys(typed));
});

test('it asks nothing of Node: bundled, it works with what browsers and the edge have', async () => {
  const bundle = await build({
    configFile: false,
    logLevel: 'silent',
    root: project,
    build: {
      write: false,
      minify: false,
      lib: {
        entry: join(project, 'node_modules/@payments/client/index.js'),
        name: 'client',
        formats: ['iife'],
      },
    },
  });
  const [output] = Array.isArray(bundle) ? bundle : [bundle];
  assert.ok(output !== undefined && 'output' in output);
  const { code } = output.output[0];
  const { fetch, Request, Response, Headers, URL, URLSearchParams, AbortSignal, AbortController } =
    globalThis;
  const { crypto, TextEncoder, TextDecoder, setTimeout, clearTimeout, FormData, DOMException } = globalThis;
  const platform = { fetch, Request, Response, Headers, URL, URLSearchParams, AbortSignal, AbortController };
  const more = { crypto, TextEncoder, TextDecoder, setTimeout, clearTimeout, FormData, DOMException };
  const { access_token } = await world.issuer.mintToken({ scope: 'admin:refunds.read' });
  const given = { baseUrl: world.url, token: access_token };
  const listing = runInNewContext(
    `${code}; (async () => (await client.createPayments(given).refunds.list().page()).rows.length)()`,
    { ...platform, ...more, given },
  );
  assert.equal(typeof (await listing), 'number');
});
