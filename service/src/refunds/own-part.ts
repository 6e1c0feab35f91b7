import type { FastifyReply } from 'fastify';
import { Histogram, type Registry } from 'prom-client';
import type { RefundProvider } from './provider.ts';

/** Does what issues a refund with this provider, and measures what of the request's time is not the provider's. */
export type MeasureOwnPart = <T>(
  response: FastifyReply,
  provider: RefundProvider,
  issue: (provider: RefundProvider) => Promise<T>,
) => Promise<T>;

/** Shows how long a refund takes here: what its caller would wait if the provider took no time. */
export function measureOwnPart(registry: Registry): MeasureOwnPart {
  const durations = new Histogram({
    name: 'refund_issue_own_duration_seconds',
    help: 'From the first byte of a request that made a refund to its answer, without the time that Stripe took.',
    buckets: [
      0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5,
    ],
    registers: [registry],
  });
  return async (response, provider, issue) => {
    let waited_ms = 0;
    const answer = await issue({
      ...provider,
      async createRefund(...order) {
        const asked = performance.now();
        try {
          return await provider.createRefund(...order);
        } finally {
          waited_ms += performance.now() - asked;
        }
      },
    });
    // What needed no provider, a repeat for example, says nothing of how long a refund takes.
    if (waited_ms > 0) durations.observe((response.elapsedTime - waited_ms) / 1_000);
    return answer;
  };
}
