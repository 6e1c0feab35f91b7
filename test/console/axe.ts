import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Result } from 'axe-core';
import type { Page } from 'playwright-core';

const AXE = fileURLToPath(import.meta.resolve('axe-core/axe.min.js'));
/** WCAG 2.0 to 2.2, A and AA, and what axe holds to be good practice. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Fails where axe finds anything on the page as it is now. */
export async function assertAccessible(page: Page): Promise<void> {
  // Half-way through an animation nothing has the contrast that it will have.
  await page.evaluate(
    `Promise.all(document.getAnimations()
      .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
      .map((one) => one.finished.catch(() => {})))`,
  );
  const script = await readFile(AXE, 'utf8');
  // Not as a script of the page: its policy lets none in.
  const violations = (await page.evaluate(
    `(async () => { ${script}; return (await axe.run(document, { runOnly: ${JSON.stringify(RULES)} })).violations; })()`,
  )) as Result[];
  assert.deepEqual(
    violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    ),
    [],
  );
}
