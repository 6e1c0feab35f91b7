import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';

/** Each holds a connection to the database for as long as its reader takes. */
const STREAMS_MAX = 2;
/** A snapshot that is held for longer keeps the database from tidying up. */
const STREAM_WITHIN_ms = 15 * 60_000;
/** Before the database itself takes the connection back from somebody who is idle in a transaction. */
const READ_ON_WITHIN_ms = 20_000;

/** An answer that is as long as the books are. */
export interface LongAnswer {
  /** Its text, part by part; the next one is made when it is asked for, so that a slow reader costs no memory. */
  parts: AsyncGenerator<string, void, void>;
  content_type: string;
  /** Under which name a browser saves it: letters, digits, dots and dashes. */
  file_name: string;
}

export type Streams = (request: FastifyRequest, reply: FastifyReply, answer: LongAnswer) => Promise<unknown>;

/**
 * Sends answers that do not fit into memory, a few at a time. One whose reader does not read on, or that takes too long, is cut off,
 * visibly to its reader; so is every one when the service stops. What fails before the first part is an answer of its own.
 */
export function streamAnswers(app: Pick<FastifyInstance, 'addHook'>): Streams {
  let open = 0;
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort(new Error('The service stops')));
  return async (request, reply, { parts, content_type, file_name }) => {
    if (open >= STREAMS_MAX) {
      throw new ServiceError('rate_limited', {
        message: 'Two exports are under way here: try again when one of them has ended.',
        headers: { 'retry-after': '30' },
      });
    }
    open += 1;
    try {
      const first = await parts.next();
      const body = Readable.from(
        startWith(first, parts, () => stalled.refresh()),
        { objectMode: false },
      );
      const stalled = setTimeout(
        () => body.destroy(new Error('Its reader does not read')),
        READ_ON_WITHIN_ms,
      );
      addAbortSignal(AbortSignal.any([closing.signal, AbortSignal.timeout(STREAM_WITHIN_ms)]), body);
      body.once('close', () => {
        clearTimeout(stalled);
        open -= 1;
        // Also where its reader had gone before it began: its connection is given back.
        parts.return().catch(() => {});
      });
      body.once('error', (err) => request.log.warn({ err }, 'an export was cut off'));
      reply
        .type(content_type)
        .header('content-disposition', `attachment; filename="${file_name}"`)
        .header('vary', [reply.getHeader('vary') ?? [], 'accept-encoding'].flat().join(', '));
      if (!takesGzip(request.headers['accept-encoding'])) return reply.send(body);
      // Its least effort makes a tenth of it, as fast as it is read. What goes wrong on either side ends the other.
      const packed = pipeline(body, createGzip({ level: constants.Z_BEST_SPEED }), () => {});
      return reply.header('content-encoding', 'gzip').send(packed);
    } catch (error) {
      open -= 1;
      throw error;
    }
  };
}

/** Whether a caller said that they take gzip (RFC 9110, 12.5.3); whoever says nothing is sent text. */
function takesGzip(accepted: string | string[] | undefined): boolean {
  return String(accepted ?? '')
    .split(',')
    .some((one) => /^\s*(x-)?gzip\s*(;\s*q\s*=\s*(1|0\.0*[1-9])[\d.]*\s*)?$/i.test(one));
}

/** A generator of which the first part has been taken already; `onRead` is called each time that somebody reads on. */
async function* startWith<T>(
  first: IteratorResult<T, void>,
  rest: AsyncGenerator<T, void, void>,
  onRead: () => void,
) {
  if (first.done === true) return;
  yield first.value;
  for await (const part of rest) {
    onRead();
    yield part;
  }
}
