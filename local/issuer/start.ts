import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClientId } from './clients.ts';
import { type MintedToken, mintToken, type TokenRequest } from './mint.ts';
import { createProvider } from './provider.ts';
import { createRequestHandler } from './requests.ts';
import { loadSecrets, saveSecrets } from './secrets.ts';
import { openStorage } from './storage.ts';

const LOOPBACK_HOSTS = ['127.0.0.1', '::1', 'localhost'];

export interface IssuerOptions {
  /** Default: the one of the last start if it is free, else any free one. */
  port?: number;
  /** A loopback address, nothing else: nobody here has a password. Default: 127.0.0.1. */
  host?: string;
  /** Where keys, secrets and tokens are kept; without it they end with the process. */
  dataDirectory?: string;
  /** Switches `POST /_control/tokens` on, for whoever has this secret. */
  controlSecret?: string;
}

/** How the issuer can be made to fail: nobody listens; it takes the request and never answers; it answers 500. */
type Outage = 'refuse' | 'hang' | 'error_500';

export interface Issuer {
  /** The issuer's identifier and address. */
  url: string;
  port: number;
  /** The clients' secrets (for client_secret_basic), by client id. */
  clients: Record<ClientId, string>;
  /** Makes an access token without a conversation. */
  mintToken(request: TokenRequest): Promise<MintedToken>;
  /** Fails from now on in that way, until `restore`. */
  outage(kind: Outage): Promise<void>;
  restore(): Promise<void>;
  /** Stops listening and drops what is connected; may be called more than once. */
  close(): Promise<void>;
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function stopListening(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

async function listenSomewhere(
  server: Server,
  host: string,
  wanted: number | undefined,
  last: number | undefined,
): Promise<number> {
  if (wanted !== undefined || last === undefined) return await listen(server, wanted ?? 0, host);
  try {
    return await listen(server, last, host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return await listen(server, 0, host);
  }
}

/**
 * Starts an OAuth 2.1 and OpenID Connect issuer for a laptop: opaque access tokens that last one hour, introspection,
 * revocation, discovery, a sign-in page with ready people instead of passwords.
 */
export async function startIssuer({
  port: wantedPort,
  host = '127.0.0.1',
  dataDirectory,
  controlSecret,
}: IssuerOptions = {}): Promise<Issuer> {
  if (!LOOPBACK_HOSTS.includes(host)) {
    throw new Error(
      `The local issuer asks for no passwords and so listens on loopback only, not on ${host}.`,
    );
  }
  if (dataDirectory !== undefined) mkdirSync(dataDirectory, { recursive: true });
  const secrets = loadSecrets(dataDirectory);

  let handle: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  let broken: Outage | undefined;
  const server = createServer((request, response) => {
    if (broken === 'hang') return;
    if (broken === 'error_500' || handle === undefined) response.writeHead(500).end();
    else handle(request, response);
  });
  // The issuer's identifier holds its port, so the port comes first.
  const port = await listenSomewhere(server, host, wantedPort, secrets.port);
  try {
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    if (dataDirectory !== undefined) saveSecrets(dataDirectory, { ...secrets, port });
    const storage = openStorage(dataDirectory);
    const provider = createProvider(url, storage.adapter, secrets);
    handle = createRequestHandler(provider, controlSecret);

    let closing: Promise<void> | undefined;
    return {
      url,
      port,
      clients: secrets.clients,
      mintToken: (request) => mintToken(provider, request),
      async outage(kind) {
        broken = kind;
        if (kind === 'refuse') await stopListening(server);
        else if (!server.listening) await listen(server, port, host);
      },
      async restore() {
        broken = undefined;
        // Whoever is left hanging gets an end instead of a late answer.
        server.closeAllConnections();
        if (!server.listening) await listen(server, port, host);
      },
      close() {
        closing ??= stopListening(server).then(() => storage.close());
        return closing;
      },
    };
  } catch (error) {
    await stopListening(server);
    throw error;
  }
}
