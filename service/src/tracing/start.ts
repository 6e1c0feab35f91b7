/** Traces that are kept until they are stopped. */
export interface Tracing {
  /** Sends what has not been sent. */
  stop(): Promise<void>;
}

/**
 * Keeps traces where OpenTelemetry's own settings say where to send them (`OTEL_EXPORTER_OTLP_ENDPOINT`, or
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`; https://opentelemetry.io/docs/specs/otel/protocol/exporter/). Otherwise nothing of it is loaded.
 */
export async function startTracing(env: NodeJS.ProcessEnv): Promise<Tracing | undefined> {
  const wanted = env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (!wanted || env.OTEL_SDK_DISABLED === 'true') return undefined;
  const { exportTraces } = await import('./exporter.ts');
  return exportTraces(env);
}
