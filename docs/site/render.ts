import { posix } from 'node:path';
import GithubSlugger from 'github-slugger';
import MarkdownIt from 'markdown-it';
import { createCssVariablesTheme, createHighlighter } from 'shiki';

/** A document as a page. */
export interface Rendered {
  title: string;
  html: string;
  /** Its second-level headings. */
  contents: { anchor: string; text: string }[];
}

/** Where a file of the repository is in the site: an address; undefined where it is not in it. */
export type Locate = (file: string) => string | undefined;

/** Colours come as names of variables, which become classes: a style in the markup is what the pages' policy forbids. */
const THEME = 'tokens';
const COLOUR = /^var\(--token-(.+)\)$/;
const LANGUAGES = ['sh', 'ts', 'json', 'sql', 'yaml'];
const highlighter = await createHighlighter({
  langs: LANGUAGES,
  themes: [createCssVariablesTheme({ name: THEME, variablePrefix: '--', fontStyle: false })],
});

const markdown = new MarkdownIt({ html: false, linkify: false });
const { escapeHtml } = markdown.utils;

function highlight(code: string, language: string): string {
  if (!LANGUAGES.includes(language)) return escapeHtml(code);
  const lines = highlighter.codeToTokensBase(code, { lang: language as 'ts', theme: THEME as 'none' });
  return lines
    .map((line) =>
      line
        .map(({ content, color = '' }) => {
          const [, name] = COLOUR.exec(color) ?? [];
          const text = escapeHtml(content);
          return name === undefined ? text : `<span class="token-${name}">${text}</span>`;
        })
        .join(''),
    )
    .join('\n');
}

/** Which of the page's figures this is: regions are told apart by it. */
function countFigure(env: Record<string, unknown> = {}): number {
  const figure = Number(env.figures ?? 0) + 1;
  env.figures = figure;
  return figure;
}

// What is wider than a phone is scrolled by itself, also by keyboard.
const scrolled = (label: string, inner: string) =>
  `<div class="wide" role="region" aria-label="${label}" tabindex="0">${inner}</div>\n`;

markdown.renderer.rules.fence = (tokens, index, _options, env) => {
  const { content = '', info = '' } = tokens[index] ?? {};
  const language = info.trim();
  const figure = countFigure(env);
  const label = language === 'mermaid' ? `Diagram ${figure}, as Mermaid writes it` : `Code ${figure}`;
  return scrolled(label, `<pre><code>${highlight(content.replace(/\n$/, ''), language)}</code></pre>`);
};
markdown.renderer.rules.table_open = (_tokens, _index, _options, env) => {
  const figure = countFigure(env);
  return `<div class="wide" role="region" aria-label="Table ${figure}" tabindex="0"><table>`;
};
markdown.renderer.rules.table_close = () => '</table></div>\n';

/**
 * A Markdown document as HTML without any inline style or script.
 *
 * @param file its path in the repository, from which its links go
 */
export function render(text: string, file: string, locate: Locate): Rendered {
  const env = { figures: 0 };
  const tokens = markdown.parse(text, env);
  const slugger = new GithubSlugger();
  const contents: Rendered['contents'] = [];
  let title = file;
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'heading_open') {
      const children = tokens[index + 1]?.children ?? [];
      const heading = children.map(({ content }) => content).join('');
      const anchor = slugger.slug(heading);
      token.attrSet('id', anchor);
      if (token.tag === 'h1') title = heading;
      if (token.tag === 'h2') contents.push({ anchor, text: heading });
    }
    if (token.type === 'th_open' || token.type === 'td_open') {
      // Aligned by a style otherwise.
      const aligned = token.attrGet('style');
      token.attrs = aligned === null ? null : [['class', String(aligned).replace('text-align:', '')]];
      const [text, close] = tokens.slice(index + 1);
      // A heading that says nothing is none.
      if (text?.content === '' && close !== undefined) token.tag = close.tag = 'td';
    }
    const open: boolean[] = [];
    for (const child of token.children ?? []) {
      if (child.type === 'image') {
        child.attrSet('src', locate(resolve(file, String(child.attrGet('src') ?? ''))) ?? '');
      } else if (child.type === 'link_open') {
        const address = follow(String(child.attrGet('href') ?? ''), file, locate);
        open.push(address !== undefined);
        // What is in the repository only cannot be reached from here: its name stays, as text.
        if (address === undefined) child.tag = 'span';
        child.attrs = address === undefined ? null : [['href', address]];
      } else if (child.type === 'link_close' && open.pop() === false) child.tag = 'span';
    }
  }
  return { title, html: markdown.renderer.render(tokens, markdown.options, env), contents };
}

const resolve = (file: string, target: string) => posix.join(posix.dirname(file), target);

function follow(href: string, file: string, locate: Locate): string | undefined {
  if (/^(https?:|mailto:|#)/.test(href)) return href;
  const [target = '', anchor] = href.split('#');
  const address = locate(resolve(file, target));
  return address === undefined || anchor === undefined ? address : `${address}#${anchor}`;
}
