import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium as driver } from 'playwright-core';

/** Where browsers are installed, on machines for which none comes through npm. */
const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** A real browser without a window: the one that comes through npm where it runs, else one that is installed (`CHROMIUM_PATH` names it). */
export async function launchChromium(): Promise<Browser> {
  const named = process.env.CHROMIUM_PATH;
  const given =
    named ?? (process.platform === 'linux' ? undefined : INSTALLED.find((path) => existsSync(path)));
  // It runs as root as well, and sees nothing but what is here: it needs no sandbox.
  return await driver.launch({ executablePath: given ?? (await unpacked()), args: ['--no-sandbox'] });
}

/**
 * The browser of the package, unpacked once for each version and user. The package writes it straight to where it is looked for, so that a
 * second process might start half a browser; here it is moved there when it is whole.
 */
async function unpacked(): Promise<string> {
  const { version } = JSON.parse(
    await readFile(new URL('../package.json', import.meta.resolve('@sparticuz/chromium')), 'utf8'),
  ) as { version: string };
  const directory = join(tmpdir(), `payments-chromium-${version}-${userInfo().username}`);
  const executable = join(directory, 'chromium');
  if (existsSync(executable)) return executable;
  const fresh = await mkdtemp(join(tmpdir(), 'payments-chromium-'));
  try {
    await promisify(execFile)(
      process.execPath,
      ['-e', `import('@sparticuz/chromium').then(({ default: chromium }) => chromium.executablePath())`],
      { env: { ...process.env, TMPDIR: fresh }, cwd: import.meta.dirname },
    );
    // Whoever was first has put the same there.
    await rename(fresh, directory).catch(() => {});
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return executable;
}
