import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { asyncApiDocument } from './asyncapi.ts';
import { CATALOGUE, EVENT_TYPES } from './catalogue.ts';

test('the document of events in the repository is the one that is served', () => {
  const path = new URL('../../../asyncapi.json', import.meta.url);
  assert.equal(readFileSync(path, 'utf8'), `${JSON.stringify(asyncApiDocument(), null, 2)}\n`);
});

test('the document of events is an AsyncAPI document', () => {
  const ajv = formats.default(new Ajv({ strict: false, logger: false }));
  const validate = ajv.compile(specs.schemasWithoutId['3.0.0'] as object);
  assert.ok(validate(JSON.parse(JSON.stringify(asyncApiDocument()))), ajv.errorsText(validate.errors));
});

for (const type of EVENT_TYPES) {
  test(`the sample of ${type} is what its schema says, and nothing else`, () => {
    const { data, sample } = CATALOGUE[type];
    const ajv = formats.default(new Ajv2020({ strict: false }));
    const validate = ajv.compile({ ...data, additionalProperties: false });
    assert.ok(validate(sample), ajv.errorsText(validate.errors));
  });
}
