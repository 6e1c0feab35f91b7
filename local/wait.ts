import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceProcess } from './processes.ts';

/** Waits until the service says that it is ready; rejects with its last words if it ends instead. */
export async function waitUntilReady(
  serviceUrl: string,
  service: ServiceProcess,
  signal: AbortSignal,
  timeout_ms = 30_000,
): Promise<void> {
  const ended = service.ended.then((lastLines) => {
    throw new Error(`The service did not start:\n${lastLines}`);
  });
  const ready = poll(() => isReady(serviceUrl), signal, timeout_ms);
  if (!(await Promise.race([ended, ready])))
    throw new Error(`The service is not ready after ${timeout_ms / 1000} s.`);
}

async function isReady(serviceUrl: string): Promise<boolean> {
  try {
    return (await fetch(new URL('/readyz', serviceUrl))).ok;
  } catch {
    return false;
  }
}

/** Asks until the answer is yes: true; false where it was not within the time. Rejects where `signal` says so. */
export async function poll(
  done: () => Promise<boolean>,
  signal: AbortSignal,
  timeout_ms: number,
): Promise<boolean> {
  const deadline = Date.now() + timeout_ms;
  while (!(await done())) {
    signal.throwIfAborted();
    if (Date.now() > deadline) return false;
    await pause(50);
  }
  return true;
}
