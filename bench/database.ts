import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../local/postgres/start.ts';

/**
 * Starts a durable PostgreSQL that `stack` stops and removes.
 *
 * @returns its address by a Unix socket, as a service on the same machine would have it, and where its files are
 */
export async function startDatabase(
  stack: AsyncDisposableStack,
): Promise<{ databaseUrl: string; files: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'payments-bench-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  // Run by root, the server is another account's process, which must be able to enter, and to make its socket.
  await chmod(directory, 0o755);
  const socket = join(directory, 'socket');
  await mkdir(socket);
  await chmod(socket, 0o777);
  const postgres = await startPostgres({
    dataDirectory: directory,
    settings: { unix_socket_directories: socket },
  });
  stack.defer(() => rm(postgres.directory, { recursive: true, force: true }));
  stack.defer(() => postgres.stop());
  const databaseUrl = `${postgres.url}?host=${encodeURIComponent(socket)}`;
  return { databaseUrl, files: postgres.directory };
}
