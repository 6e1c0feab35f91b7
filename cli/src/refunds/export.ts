import { createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { finished, pipeline } from 'node:stream/promises';
import { PaymentsError } from '@payments/client';
import { type Command, Option } from 'commander';
import { connect } from '../api/connect.ts';
import { API_HELP } from '../api/settings.ts';
import { addFilters, type Filters, toQuery } from './filters.ts';

interface ExportOptions extends Filters {
  format: 'csv' | 'ndjson';
  output?: string;
  resume: boolean;
}

const TAIL_BYTES = 64 * 1_024;

export function addExportCommand(refunds: Command): void {
  addFilters(refunds.command('export'))
    .description('Write all refunds that the filters leave, newest first, as they were at one moment.')
    .addOption(new Option('--format <format>', 'as what').choices(['csv', 'ndjson']).default('csv'))
    .option('-o, --output <file>', 'where to; else to standard output')
    .option('--resume', 'go on with a file that was cut off', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments refunds export --since 2026-01-01 --until 2026-01-31 -o january.csv
  $ payments refunds export --format ndjson | jq -s 'map(.amount_cents) | add'
  $ payments refunds export --since 2026-01-01 -o january.csv --resume
${API_HELP}`,
    )
    .action(async ({ format, output, resume, ...filters }: ExportOptions, command: Command) => {
      if (resume && output === undefined) command.error('--resume needs --output.');
      const after = resume && output !== undefined ? await cutBack(output) : undefined;
      const query = { ...toQuery(filters), format, ...(after === undefined ? {} : { after }) };
      const { data, error, response } = await connect().http.GET('/v1/admin/refunds/export', {
        params: { query },
        parseAs: 'stream',
        headers: { 'accept-encoding': 'gzip' },
      });
      if (!response.ok || data === undefined)
        throw new PaymentsError(response.status, error, response.headers);
      const target =
        output === undefined
          ? process.stdout
          : createWriteStream(output, { flags: after === undefined ? 'w' : 'a', mode: 0o600 });
      const counted = countLines(data as unknown as ReadableStream<Uint8Array>);
      await pipeline(counted, target, { end: output !== undefined });
      if (output !== undefined) await finished(target).catch(() => {});
    });
}

/** Shows on a terminal how many lines have come. */
async function* countLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const shows = process.stderr.isTTY;
  let lines = 0;
  for await (const chunk of stream) {
    for (const byte of chunk) if (byte === 10) lines += 1;
    if (shows) process.stderr.write(`\r${lines} lines`);
    yield chunk;
  }
  if (shows) process.stderr.write('\n');
}

/** Takes off the last line of a file where it did not come whole; which refund the last whole one is. */
async function cutBack(file: string): Promise<string | undefined> {
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size === 0) return undefined;
  const handle = await open(file, 'r+');
  try {
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const end = buffer.lastIndexOf('\n');
    await handle.truncate(size - length + end + 1);
    const last = buffer.subarray(0, Math.max(end, 0)).toString('utf8').split('\n').at(-1) ?? '';
    return /^(?:\{"refund_id":")?(refund_\w+)/.exec(last)?.[1];
  } finally {
    await handle.close();
  }
}
