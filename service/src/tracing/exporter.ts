import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { noteStarted } from './spans.ts';
import type { Tracing } from './start.ts';

/** Sends traces by OTLP over HTTP, in batches; a collector that is away costs spans and nothing else. */
export function exportTraces(env: NodeJS.ProcessEnv): Tracing {
  const named = resourceFromAttributes({ 'service.name': env.OTEL_SERVICE_NAME || 'payments' });
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(named),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  noteStarted(true);
  return {
    async stop() {
      noteStarted(false);
      await provider.shutdown().catch(() => undefined);
    },
  };
}
