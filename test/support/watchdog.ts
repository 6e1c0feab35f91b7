import type { run } from 'node:test';

const LOOK_EVERY_ms = 1_000;

interface Activity {
  /** Tests that have begun and not ended. */
  open: number;
  begun: number;
  last: number;
}

/**
 * Notices files that never end. Node's own limit counts for each test only: a file that started something and did
 * not stop it stays for ever once its tests are over.
 *
 * @param silence_ms how long a file may say nothing while a test of it runs
 * @param ending_ms how long its process may take to end after its last test
 * @param onHang called once, with the files that hang
 * @returns to be called when all is over
 */
export function watch(
  tests: ReturnType<typeof run>,
  limits: { silence_ms: number; ending_ms: number },
  onHang: (files: string[]) => void,
): () => void {
  const files = new Map<string, Activity>();
  tests.on('test:dequeue', ({ name, file }) => {
    if (file === undefined) return;
    const activity = files.get(file) ?? { open: 0, begun: 0, last: 0 };
    files.set(file, activity);
    activity.last = Date.now();
    if (name === file) return;
    activity.open += 1;
    activity.begun += 1;
  });
  tests.on('test:complete', ({ name, file }) => {
    const activity = file === undefined ? undefined : files.get(file);
    if (file === undefined || activity === undefined) return;
    if (name === file) {
      files.delete(file);
      return;
    }
    activity.open -= 1;
    activity.last = Date.now();
  });
  const timer = setInterval(() => {
    const hanging = [...files]
      .filter(([, { open, begun, last }]) => {
        const limit_ms = open === 0 && begun > 0 ? limits.ending_ms : limits.silence_ms;
        return Date.now() - last > limit_ms;
      })
      .map(([file]) => file);
    if (hanging.length === 0) return;
    clearInterval(timer);
    onHang(hanging);
  }, LOOK_EVERY_ms);
  return () => clearInterval(timer);
}
