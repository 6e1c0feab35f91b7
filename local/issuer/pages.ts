import type { Person } from './people.ts';

const STYLE = `
  :root { color-scheme: light dark; --ink: light-dark(#1a1f27, #e8eaee); --dim: light-dark(#5b6472, #a0a8b5);
    --line: light-dark(#dfe3e9, #333a45); --card: light-dark(#fff, #1c2129); --back: light-dark(#f4f5f8, #12151a);
    --accent: light-dark(#2f5bd7, #8aa9ff); --on-accent: light-dark(#fff, #10131a); }
  * { box-sizing: border-box; }
  body { margin: 0; min-height: 100dvh; display: grid; place-items: center; padding: 1rem; background: var(--back);
    color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
  main { width: min(27rem, 100%); background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
    padding: clamp(1.25rem, 5vw, 2rem); }
  h1 { margin: 0 0 .25rem; font-size: 1.35rem; line-height: 1.25; }
  p { margin: 0 0 1.25rem; color: var(--dim); }
  ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem; }
  button { width: 100%; font: inherit; color: inherit; text-align: start; cursor: pointer; background: none;
    border: 1px solid var(--line); border-radius: .65rem; padding: .65rem .9rem; }
  button:hover { border-color: var(--accent); }
  button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  button strong, button span { display: block; }
  button span { color: var(--dim); font-size: .875rem; line-height: 1.35; }
  button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent);
    text-align: center; font-weight: 600; }
  .actions { display: grid; gap: .5rem; }
  .actions button:not(.primary) { text-align: center; }
  footer { margin-top: 1.25rem; color: var(--dim); font-size: .8125rem; }
`;

/** Scripts none, styles ours; a form may lead back to the console, which is on another loopback port. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "form-action 'self' http://127.0.0.1:* http://localhost:* http://[::1]:*",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · payments</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${content}
</main>
</body>
</html>`;
}

/** One button for each person; no passwords, because this issuer only listens on the laptop itself. */
export function signInPage(action: string, clientName: string, people: readonly Person[]): string {
  const buttons = people.map(
    ({ id, name, role }) =>
      `<li><button name="person" value="${escapeHtml(id)}"><strong>${escapeHtml(name)}</strong><span>${escapeHtml(role)}</span></button></li>`,
  );
  return page(
    'Who are you today?',
    `<p>to continue to ${escapeHtml(clientName)}</p>
<form method="post" action="${escapeHtml(action)}"><ul>
${buttons.join('\n')}
</ul></form>
<footer>A stand-in for your company's sign-in. It runs on this machine only and asks for no password.</footer>`,
  );
}

/** @param form the provider's own form, with its guard against forged requests; its buttons are ours */
export function signOutPage(form: string): string {
  return page(
    'Sign out?',
    `<p>You will be signed out of every tool that uses this sign-in.</p>
${form}
<div class="actions">
<button class="primary" autofocus type="submit" form="op.logoutForm" value="yes" name="logout">Sign out</button>
<button type="submit" form="op.logoutForm">Stay signed in</button>
</div>`,
  );
}

export function signedOutPage(): string {
  return page('Signed out', '<p>You may close this page.</p>');
}

export function errorPage(error: string, description: string | undefined): string {
  return page(
    'That did not work',
    `<p>${escapeHtml(description ?? 'The request cannot be answered.')}</p><footer>${escapeHtml(error)}</footer>`,
  );
}
