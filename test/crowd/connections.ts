import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const HOST = 'Host: x\r\n';
/** Bytes at the beginning, and one now and then. */
const KINDS = {
  /** Connects, and says nothing. */
  silent: { begin: '', rest: '' },
  /** Has asked something, and keeps the connection. */
  kept: { begin: `GET /healthz HTTP/1.1\r\n${HOST}\r\n`, rest: '' },
  slow_headers: { begin: `GET /healthz HTTP/1.1\r\n${HOST}X-A: `, rest: 'a' },
  slow_body: {
    begin: `POST /v1/webhooks/stripe HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n`,
    rest: ' ',
  },
} as const;
type Kind = keyof typeof KINDS;

const TRICKLE_ms = 1_000;
/** Connecting this many at once is quick, and no flood. */
const AT_ONCE = 200;
/** Every address has some 28,000 ports; Linux lets anybody be any of these. */
const ADDRESSES =
  process.platform === 'linux' ? [2, 3, 4, 5].map((last) => `127.0.0.${last}`) : ['127.0.0.1'];

/** Connections that are kept at their number: whoever is cut off comes back. */
export interface Crowd {
  /** How many are open. */
  readonly open: number;
  /** How often one was cut off. */
  readonly cut: number;
  leave(): Promise<void>;
}

/** Fills a service with connections, and resolves once all of them are open. */
export async function gather(port: number, counts: Record<Kind, number>): Promise<Crowd> {
  const sockets = new Set<Socket>();
  let leaving = false;
  let cut = 0;
  const come = async (kind: Kind, number: number): Promise<void> => {
    const { begin, rest } = KINDS[kind];
    const localAddress = ADDRESSES[number % ADDRESSES.length] ?? '127.0.0.1';
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    await once(socket, 'connect');
    sockets.add(socket);
    socket.resume();
    socket.write(begin);
    const trickling =
      rest === '' ? undefined : setInterval(() => socket.writable && socket.write(rest), TRICKLE_ms);
    socket.once('close', () => {
      clearInterval(trickling);
      sockets.delete(socket);
      if (leaving) return;
      cut += 1;
      come(kind, number).catch(() => {});
    });
  };
  const kinds = (Object.keys(KINDS) as Kind[]).flatMap((kind) => Array<Kind>(counts[kind]).fill(kind));
  let next = 0;
  const usher = async () => {
    while (next < kinds.length) {
      const number = next;
      next += 1;
      await come(kinds[number] ?? 'silent', number);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, usher));
  return {
    get open() {
      return sockets.size;
    },
    get cut() {
      return cut;
    },
    async leave() {
      leaving = true;
      const gone = [...sockets].map((socket) => once(socket, 'close'));
      for (const socket of sockets) socket.resetAndDestroy();
      await Promise.all(gone);
    },
  };
}
