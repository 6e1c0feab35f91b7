import { once } from 'node:events';
import { createServer } from 'node:net';
import getPort from 'get-port';

export const HOST = '127.0.0.1';

/** Where the service is to listen: `PORT`, 8080 by default, 0 for any free one. Throws a sentence where it cannot. */
export async function choosePort(): Promise<number> {
  const wanted = process.env.PORT || '8080';
  const port = Number(wanted);
  if (!/^\d{1,5}$/.test(wanted) || port > 65_535)
    throw new Error(`PORT has to be a whole number from 0 to 65535, not ${wanted}.`);
  if (port === 0) return await getPort({ host: HOST });
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
    return port;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new Error(
        `Port ${port} is taken by another program. Choose another one: PORT=${port + 1} npm start`,
      );
    if (code === 'EACCES') throw new Error(`Port ${port} may not be used by this user: set PORT above 1023.`);
    throw error;
  } finally {
    server.close();
  }
}
