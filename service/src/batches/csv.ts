import type { FastifyInstance } from 'fastify';
import Papa from 'papaparse';

export const CSV = 'text/csv';

/** Whole numbers among the columns; what is none is left as it is, for the schema to refuse. */
const NUMBERS: ReadonlySet<string> = new Set(['amount_cents']);

/**
 * The rows of a CSV text (RFC 4180) whose first line names the columns, as the JSON body has them; what is empty is left out. What is in it
 * is judged as JSON is.
 */
export function readCsv(text: string): { rows: Record<string, string | number>[] } {
  const { data } = Papa.parse<Record<string, string>>(text, {
    header: true,
    skipEmptyLines: 'greedy',
    transformHeader: (name) => name.trim(),
  });
  return {
    rows: data.map((cells) =>
      Object.fromEntries(
        Object.entries(cells)
          .filter(([, cell]) => String(cell).trim() !== '')
          .map(([name, cell]) => [
            name,
            NUMBERS.has(name) && /^\d{1,12}$/.test(cell.trim()) ? Number(cell) : cell,
          ]),
      ),
    ),
  };
}

/** Lets the operations of these routes take CSV in place of JSON. */
export function takeCsv(app: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  app.addContentTypeParser(CSV, { parseAs: 'string' }, (_request, body, done) =>
    done(null, readCsv(String(body))),
  );
}
