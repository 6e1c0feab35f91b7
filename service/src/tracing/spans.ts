import {
  type Attributes,
  type Context,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** Nobody's until tracing is started (tracing/exporter.ts): then its spans are made for nothing, and cost next to nothing. */
const tracer = trace.getTracer('payments');

let started = false;
/** Whether traces are kept. */
export const isTracing = (): boolean => started;
/** Told by whoever starts it. */
export const noteStarted = (now: boolean): void => {
  started = now;
};

interface SpanOptions {
  kind?: SpanKind;
  /** Names, codes and numbers; ids of ours and Stripe's. Never values of queries, customers, or what a person wrote. */
  attributes?: Attributes;
  /** In which context; else in the current one. */
  within?: Context;
}

/** Does work within a span of its own, and says of it whether it failed: by the error's name, not by its words. */
export async function inSpan<T>(
  name: string,
  { kind = SpanKind.INTERNAL, attributes = {}, within = context.active() }: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  if (!started) return await work(trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 }));
  return await tracer.startActiveSpan(name, { kind, attributes }, within, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A span that its maker ends. */
export const startSpan = (
  name: string,
  { kind = SpanKind.INTERNAL, attributes = {}, within = context.active() }: SpanOptions,
): Span => tracer.startSpan(name, { kind, attributes }, within);

export function fail(span: Span, error: unknown): void {
  const name = error instanceof Error ? error.name : 'unknown';
  span.setStatus({ code: SpanStatusCode.ERROR, message: name });
}

/** Where work begins that belongs to nothing that is under way. */
export const NOWHERE = ROOT_CONTEXT;

/** The context that the headers of a request name (W3C Trace Context). */
export const readContext = (headers: Record<string, unknown>): Context =>
  propagation.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);

/** The current span as `traceparent` has it; undefined where there is none. */
export function currentTraceParent(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier, defaultTextMapSetter);
  return carrier.traceparent;
}

/** The trace's id, for the log; undefined where there is none. */
export function currentTraceId(): string | undefined {
  if (!started) return undefined;
  const current = trace.getActiveSpan()?.spanContext();
  return current !== undefined && isSpanContextValid(current) ? current.traceId : undefined;
}

/** Says in another trace that something has come about, with a link to where that is under way. */
export function tellTrace(traceParent: string, name: string, attributes: Attributes): void {
  const current = trace.getActiveSpan()?.spanContext();
  const links = current === undefined ? [] : [{ context: current }];
  tracer.startSpan(name, { attributes, links }, readContext({ traceparent: traceParent })).end();
}

export { context, SpanKind, trace };
