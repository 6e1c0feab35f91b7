/** A histogram of a service's metrics: how many observations were at most so large (seconds), the last bound infinite. */
export interface ScrapedHistogram {
  count: number;
  buckets: { upTo: number; count: number }[];
}

/**
 * Reads a histogram without labels from a service's `/metrics`.
 *
 * @param since an earlier reading, whose observations do not count
 */
export async function readHistogram(
  url: string,
  name: string,
  since?: ScrapedHistogram,
): Promise<ScrapedHistogram> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const buckets = [...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)$`, 'gm'))].map(
    ([, upTo, count], index) => ({
      upTo: upTo === '+Inf' ? Number.POSITIVE_INFINITY : Number(upTo),
      count: Number(count) - (since?.buckets[index]?.count ?? 0),
    }),
  );
  return { count: buckets.at(-1)?.count ?? 0, buckets };
}

/** Up to which value a share of the observations lies, interpolated within its bucket as Prometheus does; 0 where there are none. */
export function quantile({ count, buckets }: ScrapedHistogram, share: number): number {
  const rank = count * share;
  let lower = { upTo: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count >= rank && bucket.count > lower.count) {
      if (!Number.isFinite(bucket.upTo)) return lower.upTo;
      return lower.upTo + ((bucket.upTo - lower.upTo) * (rank - lower.count)) / (bucket.count - lower.count);
    }
    lower = bucket;
  }
  return 0;
}
