/**
 * Notes which parts of a document its validator looks at. What it does not look at it does not know: a misspelt field of a Kubernetes
 * manifest, say, which the validators of `kubernetes-models` let through and a cluster refuses.
 */
export function watchReading(document: unknown): { watched: unknown; unread(): string[] } {
  const read = new Set<string>();
  const watch = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    return new Proxy(value, {
      get(target, key, receiver) {
        const found: unknown = Reflect.get(target, key, receiver);
        if (typeof key !== 'string') return found;
        read.add(`${path}/${key}`);
        return watch(found, `${path}/${key}`);
      },
    });
  };
  return {
    watched: watch(document, ''),
    unread: () => listPaths(document, '').filter((path) => !read.has(path)),
  };
}

function listPaths(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => [
    `${path}/${key}`,
    ...listPaths(part, `${path}/${key}`),
  ]);
}
