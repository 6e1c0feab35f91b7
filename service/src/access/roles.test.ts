import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_ROLES, scopesOf } from './roles.ts';
import { grants, SCOPES } from './scopes.ts';

const PERSON = true;
const facts = (scopes: string, roles?: string[]) => ({
  sub: 'ann',
  client_id: 'console',
  scopes: new Set(scopes.split(' ')),
  brand: undefined,
  roles,
  signed_in_at_ms: undefined,
  expires_at_ms: Date.now() + 60_000,
});
const opened = (scopes: ReadonlySet<string>) => Object.keys(SCOPES).filter((scope) => grants(scopes, scope));

test('a person may do what their roles and the token’s scopes both allow, whichever of them is written wider', () => {
  const wide = 'admin:refunds admin:payments admin:disputes admin:audit';
  assert.deepEqual(opened(scopesOf(facts(wide, ['agent']), PERSON, DEFAULT_ROLES)), [
    'admin:refunds.read',
    'admin:refunds.issue',
    'admin:payments.read',
    'admin:disputes.read',
  ]);
  assert.deepEqual(opened(scopesOf(facts('admin:refunds.read', ['approver']), PERSON, DEFAULT_ROLES)), [
    'admin:refunds.read',
  ]);
  const lead = { lead: ['admin:refunds'] };
  assert.deepEqual(opened(scopesOf(facts('admin:refunds.approve', ['lead']), PERSON, lead)), [
    'admin:refunds.approve',
  ]);
});

test('somebody with two roles may do what either allows', () => {
  const scopes = scopesOf(facts('admin:refunds admin:audit', ['agent', 'auditor']), PERSON, DEFAULT_ROLES);
  assert.ok(grants(scopes, 'admin:refunds.issue') && grants(scopes, 'admin:audit.read'));
});

for (const roles of [[], ['nobody'], ['toString'], ['__proto__'], ['Agent'], ['agent ']]) {
  test(`a person whose roles are ${JSON.stringify(roles)} may do nothing, whatever the token’s scopes are`, () => {
    assert.deepEqual(opened(scopesOf(facts('admin:refunds', roles), PERSON, DEFAULT_ROLES)), []);
  });
}

test('an app that a person uses gets no scope by what the person is', () => {
  assert.deepEqual(opened(scopesOf(facts('openid', ['approver']), PERSON, DEFAULT_ROLES)), []);
});

test('a service has its scopes, and a person too where the issuer says nothing of roles', () => {
  assert.deepEqual(opened(scopesOf(facts('admin:audit.read', []), false, DEFAULT_ROLES)), [
    'admin:audit.read',
  ]);
  assert.deepEqual(opened(scopesOf(facts('admin:audit.read'), PERSON, DEFAULT_ROLES)), ['admin:audit.read']);
});

test('an auditor changes nothing', () => {
  for (const scope of DEFAULT_ROLES.auditor) assert.match(scope, /\.read$/);
});
