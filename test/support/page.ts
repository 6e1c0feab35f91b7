import { readFileSync } from 'node:fs';

/** A response as the page of the API reference documents it. */
export interface PageResponse {
  status: string;
  description: string;
  schema: Record<string, unknown>;
}

/** Reads the page that the project exists for: its responses, with the schemas word for word. */
export function readPageResponses(): PageResponse[] {
  const text = readFileSync(new URL('../fixtures/get-v1-admin-refunds.txt', import.meta.url), 'utf8');
  const responses = text.slice(text.indexOf('\nResponses\n'), text.indexOf('\nExample\n'));
  return [...responses.matchAll(/^(\d{3}) (.+)\n\n(\{[\s\S]*?\n\})$/gm)].map(
    ([, status = '', description = '', schema = '']) => ({
      status,
      description,
      schema: JSON.parse(schema) as Record<string, unknown>,
    }),
  );
}
