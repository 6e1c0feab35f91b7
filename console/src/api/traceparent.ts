/**
 * The trace that every try under an idempotency key belongs to, as `traceparent` names it (W3C Trace Context, section 3.2): from a click to the
 * bank's answer. Made of the key's digest, since traces are read by people who are to know no key.
 */
export async function traceparentOf(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `00-${hex.slice(0, 32)}-${hex.slice(32, 48)}-01`;
}
