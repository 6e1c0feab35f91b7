import { once } from 'node:events';
import { connect } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  status: number;
  /** By names in lower case. */
  headers: Map<string, string>;
  body: string;
}

/** Sends bytes as they are, and reads until the other side closes: for what no HTTP client would send. */
export async function sendRaw(port: number, request: string | Buffer): Promise<RawAnswer> {
  const text = await exchangeRaw(port, request);
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    ),
    body: text.slice(end + 4),
  };
}

/** The same, with everything that came back: no answer, or several. Text is sent as Latin-1, a byte for each character. */
export async function exchangeRaw(port: number, request: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // A server that has refused may reset what we go on sending; what it said before is what counts.
  socket.on('error', () => {});
  socket.write(typeof request === 'string' ? Buffer.from(request, 'latin1') : request);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
