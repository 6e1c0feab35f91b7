/** A page of a list: its rows, and where the next one begins; undefined: this is the last. */
export interface Page<Row> {
  rows: Row[];
  next_cursor: string | undefined;
}

/**
 * A list that is read page by page as it is gone through: `for await (const refund of payments.refunds.list())`. A single page is had with
 * `page()`.
 */
export class Pages<Row> implements AsyncIterable<Row> {
  readonly #read: (cursor: string | undefined) => Promise<Page<Row>>;

  constructor(read: (cursor: string | undefined) => Promise<Page<Row>>) {
    this.#read = read;
  }

  /** One page: the first, or the one that a cursor stands for. */
  async page(cursor?: string): Promise<Page<Row>> {
    return await this.#read(cursor);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined> {
    let cursor: string | undefined;
    do {
      const page: Page<Row> = await this.#read(cursor);
      yield* page.rows;
      cursor = page.next_cursor;
    } while (cursor !== undefined);
  }
}

/** The cursor of the next page, as the `Link` header has it (RFC 8288, `rel="next"`). */
export function nextCursor(headers: Headers): string | undefined {
  const [, address] = /<([^>]+)>\s*;\s*rel="next"/.exec(headers.get('link') ?? '') ?? [];
  return address === undefined
    ? undefined
    : (new URL(address, 'http://here.invalid').searchParams.get('cursor') ?? undefined);
}
