import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import type { Page, PageKey } from '../database/page.ts';
import type { Cursors, Question } from './cursor.ts';

const LIMIT_DEFAULT = 20;

/** The parameters that every list takes. */
export const pagingParameters = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100, default: LIMIT_DEFAULT, description: 'How many at the most.' }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'Where to go on, as the `Link` header of the page before says.',
    }),
  ),
} satisfies Record<string, TSchema>;

/** Said of the answer of every list. */
export const linkHeader = {
  Link: Type.String({
    description: 'RFC 8288: the address of the next page with `rel="next"`; absent on the last.',
  }),
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Which part of a list an answer shows: how many rows, and the ids of its first and last. Absent where it shows none. */
    shown?: { rows: number; first?: string; last?: string };
  }
}

interface Paging {
  limit: number | undefined;
  cursor: string | undefined;
}

/**
 * Reads one page: the cursor to keys, the rows, and the `Link` header to the next page. The body stays what the page of the
 * API reference says it is.
 */
export async function servePage<Row extends { created_at: Date }>(
  { request, reply, cursors }: { request: FastifyRequest; reply: FastifyReply; cursors: Cursors },
  question: Question,
  { limit = LIMIT_DEFAULT, cursor }: Paging,
  read: (at: { after: PageKey | undefined; limit: number }) => Promise<Page<Row>>,
  idOf: (row: NoInfer<Row>) => string,
): Promise<Row[]> {
  const after = cursor === undefined ? undefined : cursors.decode(question, cursor);
  const { rows, more } = await read({ after, limit });
  const [first] = rows;
  const last = rows.at(-1);
  request.shown = {
    rows: rows.length,
    ...(first !== undefined && last !== undefined ? { first: idOf(first), last: idOf(last) } : {}),
  };
  if (more && last !== undefined) {
    const next = cursors.encode(question, { created_at: last.created_at, id: idOf(last) });
    reply.header('link', `<${addressWith(request, next)}>; rel="next"`);
  }
  return rows;
}

/**
 * The request's own address with another cursor: what was asked, as it was asked. Its path is the route's with its parameters, since a caller may write
 * it as an absolute URI (RFC 9112, 3.2.2), and its query begins where the router says, which takes `#` for `?`.
 */
function addressWith(request: FastifyRequest, cursor: string): string {
  const url = request.raw.url ?? '';
  const end = url.search(/[?#]/);
  const parameters = new URLSearchParams(end === -1 ? '' : url.slice(end + 1));
  parameters.set('cursor', cursor);
  const path = request.routeOptions.url?.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent((request.params as Record<string, string>)[name] ?? ''),
  );
  return `${path}?${parameters}`;
}
