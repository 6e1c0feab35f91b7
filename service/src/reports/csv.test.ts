import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvLine } from './csv.ts';

test('what a spreadsheet would take for a formula is a text with an apostrophe in front, and numbers stay numbers', () => {
  for (const [text, field] of [
    ['=1+1', "'=1+1"],
    ['+491701234', "'+491701234"],
    ['-2', "'-2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['＝1', "'＝1"],
    ['=HYPERLINK("http://x";"y")', `"'=HYPERLINK(""http://x"";""y"")"`],
    ['a=1', 'a=1'],
    ["'", "'"],
  ] as const)
    assert.equal(csvLine([text]), `${field}\r\n`);
  assert.equal(csvLine([-5, 0, null, new Date(0)]), '-5,0,,1970-01-01T00:00:00.000Z\r\n');
});

test('a text with a comma, a quote or a line break stands in quotes, so that lines and fields stay what they are', () => {
  assert.equal(
    csvLine(['a,b', 'say "no"', 'two\r\nlines', 'שלום']),
    '"a,b","say ""no""","two\r\nlines",שלום\r\n',
  );
});
