import { Agent, request as open } from 'node:http';
import type { Answered } from '../support/declared.ts';
import type { FuzzRequest } from './request.ts';

export interface Sender {
  send(request: FuzzRequest, authorizations: readonly string[]): Promise<Answered & { took_ms: number }>;
  close(): void;
}

/** Sends requests one after the other over a connection that is kept: `fetch` would mend half of what is wrong with them. */
export function createSender(url: string): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { hostname, port } = new URL(url);
  const attempt = (
    { method, target, headers, body }: FuzzRequest,
    authorizations: readonly string[],
    again: boolean,
  ): ReturnType<Sender['send']> =>
    new Promise((resolve, reject) => {
      const started = performance.now();
      const sent = open({
        agent,
        hostname,
        port,
        method,
        path: target,
        headers: [
          ...['Host', `${hostname}:${port}`],
          ...authorizations.flatMap((value) => ['Authorization', value]),
          ...headers.flat(),
          ...(body === undefined ? [] : ['Content-Length', String(body.length)]),
        ],
      });
      let answered = false;
      sent.once('response', (response) => {
        answered = true;
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: new Headers(
              Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
                values.map((value): [string, string] => [name, value]),
              ),
            ),
            text: Buffer.concat(chunks).toString(),
            took_ms: performance.now() - started,
          }),
        );
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (answered) return;
        // The other side had closed the connection after its last answer, as it may.
        const stale = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        if (stale && again)
          resolve(attempt({ method, target, headers, body } as FuzzRequest, authorizations, false));
        else reject(error);
      });
      sent.end(body);
    });
  return {
    send: (request, authorizations) => attempt(request, authorizations, true),
    close: () => agent.destroy(),
  };
}
