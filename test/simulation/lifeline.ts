import { Socket } from 'node:net';
import type Stripe from 'stripe';

type HttpClient = NonNullable<NonNullable<ConstructorParameters<typeof Stripe>[1]>['httpClient']>;

/**
 * Everything through which a process touches the world outside. Cut at its n-th use, the process is dead as after kill -9:
 * what it was sending may or may not have left, nothing that comes back reaches it, and whatever it awaits never settles.
 */
export interface Lifeline {
  alive(): boolean;
  /** Cuts it at the n-th use from now; the use itself still leaves where `sent`. */
  arm(afterUses: number, sent: boolean): void;
  cut(): void;
  /** Calls `work` when it is cut; returns what calls that off. */
  onDeath(work: () => void): () => void;
  /** One use: calls `work`, unless it is cut before. */
  use(work: () => void): void;
  /** A socket to the database. */
  socket(): Socket;
  /** An HTTP client to Stripe. */
  http(inner: HttpClient): HttpClient;
}

export function createLifeline(): Lifeline {
  const sockets = new Set<Socket>();
  const mourners = new Set<() => void>();
  let alive = true;
  let left = Number.POSITIVE_INFINITY;
  let lastIsSent = false;

  const cut = () => {
    if (!alive) return;
    alive = false;
    for (const socket of sockets) {
      // The driver must not learn of it: a dead process does not react.
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
    }
    sockets.clear();
    for (const work of mourners) work();
    mourners.clear();
  };
  const use = (work: () => void) => {
    if (!alive) return;
    left -= 1;
    if (left > 0) return work();
    if (lastIsSent) work();
    cut();
  };

  return {
    alive: () => alive,
    arm(afterUses, sent) {
      left = afterUses;
      lastIsSent = sent;
    },
    cut,
    onDeath(work) {
      if (!alive) {
        work();
        return () => {};
      }
      mourners.add(work);
      return () => mourners.delete(work);
    },
    use,
    socket() {
      const socket = new Socket();
      if (!alive) {
        socket.connect = () => socket;
        return socket;
      }
      const { _write: write, _writev: writev } = socket;
      socket._write = (...args) => use(() => write.apply(socket, args));
      if (writev !== undefined) socket._writev = (...args) => use(() => writev.apply(socket, args));
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
    http: (inner) => ({
      getClientName: () => inner.getClientName(),
      makeRequest: (...request) =>
        new Promise((resolve, reject) =>
          use(() =>
            inner.makeRequest(...request).then(
              (answer) => {
                if (alive) resolve(answer);
                // Read by nobody, the connection would never be free for another request.
                else answer.toJSON().catch(() => {});
              },
              (error: unknown) => {
                if (alive) reject(error);
              },
            ),
          ),
        ),
    }),
  };
}
