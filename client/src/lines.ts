/** The rows of an NDJSON stream, as they come. Who stops going through them stops the stream. */
export async function* readLines<Row>(
  stream: ReadableStream<Uint8Array> | null,
): AsyncGenerator<Row, void, undefined> {
  if (stream === null) return;
  // Not every browser's streams can be gone through by themselves.
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const lines = (rest + decoder.decode(value, { stream: !done })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as Row;
      if (done) break;
    }
  } finally {
    await reader.cancel();
  }
  if (rest !== '') yield JSON.parse(rest) as Row;
}
