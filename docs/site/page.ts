import type { Rendered } from './render.ts';
import { ORDER, SECTIONS } from './sections.ts';

const escapeText = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const addressOf = (place: string) => (place === '' ? '/docs' : `/docs/${place}`);

/**
 * A whole page: nothing inline, no script.
 *
 * @param titles of every page, by its place
 */
export function writePage(
  { place, title, html, contents }: Rendered & { place: string },
  titles: ReadonlyMap<string, string>,
  style: string,
): string {
  const nameOf = (one: string) => escapeText(titles.get(one) ?? one);
  const item = (one: string) =>
    `<li><a href="${addressOf(one)}"${one === place ? ' aria-current="page"' : ''}>${nameOf(one)}</a></li>`;
  const sections = SECTIONS.map(
    ([name, places]) => `<h2>${name}</h2><ul>${places.map(item).join('')}</ul>`,
  ).join('');
  const at = ORDER.indexOf(place);
  const beside = [
    at > 0
      ? `<a rel="prev" href="${addressOf(ORDER[at - 1] ?? '')}">← ${nameOf(ORDER[at - 1] ?? '')}</a>`
      : '',
    at >= 0 && at < ORDER.length - 1
      ? `<a rel="next" href="${addressOf(ORDER[at + 1] ?? '')}">${nameOf(ORDER[at + 1] ?? '')} →</a>`
      : '',
  ].filter((link) => link !== '');
  const toc =
    contents.length < 2
      ? ''
      : `<nav class="contents" aria-label="On this page"><ul>${contents
          .map(({ anchor, text }) => `<li><a href="#${anchor}">${escapeText(text)}</a></li>`)
          .join('')}</ul></nav>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeText(title)} · payments</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
</head>
<body>
<a class="skip" href="#page">Skip to the page</a>
<header><a href="/docs"><strong>payments</strong></a><nav aria-label="Service"><a href="/console">Console</a> <a href="/reference">Reference</a></nav></header>
<div class="columns">
<nav class="pages" aria-label="Documentation"><details><summary>All pages</summary>${sections}</details><div class="always">${sections}</div></nav>
<main id="page">${toc}${html}${beside.length === 0 ? '' : `<nav class="beside" aria-label="Previous and next">${beside.join('')}</nav>`}</main>
</div>
</body>
</html>
`;
}
