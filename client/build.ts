import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Builds the package as it is published, in `dist/`: JavaScript with its types, and a package.json that leads to them. The workspace goes on
 * with the sources, which Node runs as they are, but not from within `node_modules`.
 */
export function buildPackage(): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const dist = `${here}dist`;
  rmSync(dist, { recursive: true, force: true });
  execFileSync('tsc', ['-p', `${here}tsconfig.build.json`], { stdio: 'inherit' });
  copyFileSync(`${here}src/schema.d.ts`, `${dist}/schema.d.ts`);
  copyFileSync(`${here}README.md`, `${dist}/README.md`);
  copyFileSync(`${here}../LICENSE`, `${dist}/LICENSE`);
  const {
    private: _,
    devDependencies: __,
    scripts: ___,
    ...manifest
  } = JSON.parse(readFileSync(`${here}package.json`, 'utf8')) as Record<string, unknown>;
  const published = { ...manifest, exports: { '.': { types: './index.d.ts', default: './index.js' } } };
  writeFileSync(`${dist}/package.json`, `${JSON.stringify(published, null, 2)}\n`);
  return dist;
}

if (import.meta.main) buildPackage();
