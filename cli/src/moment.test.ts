import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import { parseFirstMoment, parseLastMoment } from './moment.ts';

const now = new Date('2026-09-01T12:00:00Z');

test('a day is its beginning in UTC, and a time is taken with its zone', () => {
  assert.equal(parseFirstMoment('2026-08-01', now).toISOString(), '2026-08-01T00:00:00.000Z');
  assert.equal(parseFirstMoment('2024-02-29', now).toISOString(), '2024-02-29T00:00:00.000Z');
  assert.equal(parseFirstMoment('2026-08-01T09:30:00+02:00', now).toISOString(), '2026-08-01T07:30:00.000Z');
  assert.equal(parseFirstMoment('2026-08-01T09:30Z', now).toISOString(), '2026-08-01T09:30:00.000Z');
});

test('what is no day, or lies in the future, is refused with a sentence that says what to write', () => {
  for (const text of [
    '',
    'yesterday',
    '2026',
    '01.08.2026',
    '08/01/2026',
    '2026-8-1',
    '2026-13-01',
    '2026-02-30',
    '2026-02-30T10:00:00Z',
    '2026-08-01T25:00:00Z',
    '2026-08-01T09:30:00',
    '1e9',
    ' 2026-08-01',
  ]) {
    assert.throws(
      () => parseFirstMoment(text, now),
      (error) => error instanceof InvalidArgumentError && /Write a day like/.test(error.message),
      text,
    );
  }
  assert.throws(() => parseFirstMoment('2026-09-02', now), /lies in the future/);
});

test('as an end a day is all of that day, also of today, and a time is that time', () => {
  assert.equal(parseLastMoment('2026-08-31', now).toISOString(), '2026-08-31T23:59:59.999Z');
  assert.equal(parseLastMoment('2026-09-01', now).toISOString(), '2026-09-01T23:59:59.999Z');
  assert.equal(parseLastMoment('2026-08-31T09:30Z', now).toISOString(), '2026-08-31T09:30:00.000Z');
  assert.throws(() => parseLastMoment('2026-09-02', now), /lies in the future/);
});
