import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../errors.ts';
import { brandOf } from './brand.ts';

const asking = (brand?: string) => ({
  headers: brand === undefined ? {} : { 'x-brand-id': brand },
  rawHeaders: brand === undefined ? [] : ['X-Brand-Id', brand],
});

test("the token's brand comes first, then X-Brand-Id, then the default one", () => {
  assert.equal(brandOf(asking(), 'acme', 'default').brand_id, 'acme');
  assert.equal(brandOf(asking('globex'), undefined, 'default').brand_id, 'globex');
  assert.equal(brandOf(asking(), undefined, 'default').brand_id, 'default');
});

test('a header that agrees with the token changes nothing', () => {
  assert.equal(brandOf(asking('acme'), 'acme', 'default').brand_id, 'acme');
});

test('the default brand counts as not chosen by anybody, also where somebody else has chosen one of the same name', () => {
  assert.equal(brandOf(asking(), undefined, 'default').brand_is_default, true);
  assert.equal(brandOf(asking('default'), undefined, 'default').brand_is_default, false);
  assert.equal(brandOf(asking(), 'default', 'default').brand_is_default, false);
});

test('a token of one brand that asks for another is forbidden', () => {
  assert.throws(
    () => brandOf(asking('globex'), 'acme', 'default'),
    (error) => error instanceof ServiceError && error.status === 403 && error.code === 'forbidden',
  );
});

for (const brand of ['', ' ', 'a b', 'acme, globex', "a';--", 'ä', 'a'.repeat(65), '../a']) {
  test(`X-Brand-Id of ${JSON.stringify(brand).slice(0, 20)} is refused, naming the header and not the value`, () => {
    assert.throws(
      () => brandOf(asking(brand), undefined, 'default'),
      (error) =>
        error instanceof ServiceError &&
        error.status === 400 &&
        error.field === 'X-Brand-Id' &&
        (brand.length < 3 || !error.message.includes(brand)),
    );
  });
}
