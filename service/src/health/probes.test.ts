import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startIssuer } from '../../../local/issuer/start.ts';
import { connectIssuer } from '../access/issuer.ts';
import { startProbe } from './probes.ts';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

test('what has not been reached since the start is not ready, and says so', async () => {
  const probe = startProbe('Stripe', () => Promise.reject(new Error('down')));
  try {
    assert.equal(probe.check().status, 'fail');
    await new Promise(setImmediate);
    assert.deepEqual(probe.check(), {
      status: 'fail',
      output: 'Stripe has not been reached since the start.',
    });
  } finally {
    probe.stop();
  }
});

test('reached, lost, reached again is pass, warn, pass; a check never knocks by itself', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let up = true;
  let knocks = 0;
  const probe = startProbe('The issuer', async () => {
    knocks += 1;
    if (!up) throw new Error('down');
  });
  try {
    await until(() => probe.check().status === 'pass');
    assert.equal(knocks, 1);
    up = false;
    context.mock.timers.tick(10_000);
    await until(() => probe.check().status === 'warn');
    assert.deepEqual(probe.check(), {
      status: 'warn',
      output: 'The issuer cannot be reached at the moment.',
    });
    assert.equal(knocks, 2);
    up = true;
    context.mock.timers.tick(10_000);
    await until(() => probe.check().status === 'pass');
    assert.equal(knocks, 3);
  } finally {
    probe.stop();
  }
});

test('a stopped probe does not knock again', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let knocks = 0;
  const probe = startProbe('Stripe', async () => {
    knocks += 1;
  });
  await until(() => probe.check().status === 'pass');
  probe.stop();
  context.mock.timers.tick(60_000);
  await new Promise(setImmediate);
  assert.equal(knocks, 1);
});

test('an issuer that answers but does not take our credentials is not reached', async (context) => {
  const issuer = await startIssuer();
  context.after(() => issuer.close());
  const credentials = { client_id: 'payments-service', client_secret: 'of another deployment' };
  await assert.rejects(connectIssuer({ issuer: issuer.url, ...credentials }).reach());
  const introspection_url = `${issuer.url}/token/introspection`;
  await assert.rejects(connectIssuer({ introspection_url, ...credentials }).reach());
  const client_secret = issuer.clients['payments-service'];
  await connectIssuer({ introspection_url, client_id: 'payments-service', client_secret }).reach();
});
