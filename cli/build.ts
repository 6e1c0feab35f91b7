import { chmodSync, copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
  [field: string]: unknown;
}

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Manifest;

/**
 * Builds the command as it is published, in `dist/`: one file with what it uses of the service, which Node runs as it is, the migrations, and
 * a package.json with what it depends on.
 */
export async function buildPackage(): Promise<string> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const dist = `${here}dist`;
  rmSync(dist, { recursive: true, force: true });
  const built = await build({
    configFile: false,
    logLevel: 'error',
    root: here,
    ssr: { noExternal: ['@payments/client'] },
    build: {
      ssr: `${here}src/main.ts`,
      outDir: dist,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'payments.js', chunkFileNames: '[name].js' } },
    },
  });
  const outputs = [built].flat().flatMap((one) => ('output' in one ? one.output : []));
  const own = new Set(outputs.map(({ fileName }) => fileName));
  const imported = outputs
    .flatMap((one) => (one.type === 'chunk' ? [...one.imports, ...one.dynamicImports] : []))
    .filter((name) => !own.has(name));
  cpSync(`${here}../service/src/database/migrations`, `${dist}/migrations`, { recursive: true });
  copyFileSync(`${here}README.md`, `${dist}/README.md`);
  copyFileSync(`${here}../LICENSE`, `${dist}/LICENSE`);
  chmodSync(`${dist}/payments.js`, 0o755);
  const { private: _, devDependencies: __, scripts: ___, ...manifest } = read('package.json');
  const known = ['package.json', '../service/package.json', '../client/package.json'].map(
    (path) => read(path).dependencies ?? {},
  );
  const published = {
    ...manifest,
    bin: { payments: 'payments.js' },
    dependencies: Object.fromEntries(
      [...new Set(imported.map(packageOf))]
        .filter((name) => name !== undefined)
        .sort()
        .map((name) => [name, versionOf(name, known)]),
    ),
  };
  writeFileSync(`${dist}/package.json`, `${JSON.stringify(published, null, 2)}\n`);
  return dist;
}

/** `@scope/name` or `name` of what is imported; undefined where that is of Node, or our own. */
function packageOf(specifier: string): string | undefined {
  if (isBuiltin(specifier) || /^[./]/.test(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function versionOf(name: string, known: Record<string, string>[]): string {
  const version = known.find((dependencies) => name in dependencies)?.[name];
  if (version === undefined) throw new Error(`${name} is in no package.json of ours`);
  return version;
}

if (import.meta.main) await buildPackage();
