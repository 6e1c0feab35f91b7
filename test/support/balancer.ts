import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * What stands before several instances of a service: one request after the other goes to the next of those that say at `/readyz` that
 * they are ready, over connections that are kept. It is as strict as one can be set: it sends nothing twice, so whatever an instance
 * refuses or drops, the caller sees (502).
 */
export interface Balancer {
  url: string;
  /** Sends requests there while it is ready; resolves once it is. */
  add(url: string): Promise<void>;
  /** How often an instance has been asked. */
  served(url: string): number;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Backend {
  url: URL;
  agent: Agent;
  ready: boolean;
  served: number;
}

/** @param look_every_ms how often `/readyz` is asked; one bad answer is enough to be left out */
export async function startBalancer(look_every_ms: number): Promise<Balancer> {
  const backends = new Map<string, Backend>();
  const stop = new AbortController();
  let turn = 0;

  const forward = (asked: IncomingMessage, answer: ServerResponse) => {
    const ready = [...backends.values()].filter((one) => one.ready);
    const backend = ready[turn++ % ready.length];
    const fail = (reason: string) => {
      if (answer.headersSent) answer.destroy();
      else answer.writeHead(502).end(reason);
    };
    if (backend === undefined) return fail('nobody is ready');
    backend.served += 1;
    const { url, agent } = backend;
    const onward = request(
      {
        agent,
        host: url.hostname,
        port: url.port,
        method: asked.method,
        path: asked.url,
        headers: { ...asked.headers, connection: 'keep-alive' },
      },
      (response) => {
        const { connection: _hop, ...headers } = response.headers;
        answer.writeHead(response.statusCode ?? 502, headers);
        response.pipe(answer);
        response.on('error', () => answer.destroy());
      },
    );
    onward.on('error', (error) => fail(error.message));
    asked.pipe(onward);
  };

  const server = createServer(forward).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const look = async (backend: Backend) => {
    while (!stop.signal.aborted) {
      const was = backend.ready;
      backend.ready = await fetch(new URL('/readyz', backend.url)).then(
        (response) => response.ok,
        () => false,
      );
      if (was && !backend.ready) {
        // What is idle there may be closed at any moment from now on; what is under way there ends as it may.
        for (const socket of Object.values(backend.agent.freeSockets).flat()) socket?.destroy();
        backend.agent = new Agent({ keepAlive: true });
      }
      await pause(look_every_ms, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };

  const lookers: Promise<void>[] = [];
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async add(url) {
      const backend: Backend = {
        url: new URL(url),
        agent: new Agent({ keepAlive: true }),
        ready: false,
        served: 0,
      };
      backends.set(url, backend);
      lookers.push(look(backend));
      while (!backend.ready && !stop.signal.aborted) await pause(look_every_ms);
    },
    served: (url) => backends.get(url)?.served ?? 0,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(lookers);
      for (const { agent } of backends.values()) agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
