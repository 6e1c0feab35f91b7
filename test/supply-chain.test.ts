import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  workspaces?: string[];
  allowScripts?: Record<string, boolean>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

interface Locked {
  version?: string;
  resolved?: string;
  link?: boolean;
  integrity?: string;
  hasInstallScript?: boolean;
  os?: string[];
}

interface Component {
  name: string;
  version: string;
  hashes?: { alg: string }[];
  properties?: { name: string }[];
}

const read = <T>(file: string) => JSON.parse(readFileSync(join(root, file), 'utf8')) as T;
const manifest = read<Manifest>('package.json');
const workspaces = manifest.workspaces ?? [];
const { packages } = read<{ packages: Record<string, Locked> }>('package-lock.json');
/** What comes from a registry, by its name. */
const fetched = Object.entries(packages)
  .filter(([path, { link }]) => path.includes('node_modules/') && link !== true)
  .map(([path, locked]) => ({ name: path.replace(/^.*node_modules\//, ''), path, ...locked }));

test('every dependency is pinned to one version, and that is the one in the lock file', () => {
  assert.equal(workspaces.length, 6);
  for (const folder of ['', ...workspaces]) {
    const { dependencies, devDependencies, optionalDependencies } = read<Manifest>(
      join(folder, 'package.json'),
    );
    const all = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    assert.ok(all.length > 0);
    for (const [name, version] of all) {
      assert.match(version, /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, `${folder}: ${name}`);
      const nested = packages[`${folder}/node_modules/${name}`];
      const found = nested ?? packages[`node_modules/${name}`];
      // One of ours leads to its folder.
      const locked = found?.link === true ? packages[found.resolved ?? ''] : found;
      assert.equal(locked?.version, version, `${folder}: ${name}`);
    }
  }
});

test('the lock file has the checksum of every package, and names no place to fetch it from', () => {
  assert.ok(fetched.length > 100);
  for (const { path, integrity, resolved } of fetched) {
    assert.match(integrity ?? '', /^sha512-/, path);
    assert.equal(resolved, undefined, path);
  }
  const links = Object.values(packages).filter(({ link }) => link === true);
  assert.deepEqual(links.map(({ resolved }) => resolved).sort(), [...workspaces].sort());
});

test('only packages that were approved run scripts when they are installed', () => {
  // What cannot be installed where the service runs needs no approval.
  const withScripts = fetched.filter(
    ({ hasInstallScript, os }) => hasInstallScript === true && os?.includes('win32') !== true,
  );
  const approved = Object.entries(manifest.allowScripts ?? {}).filter(([, isApproved]) => isApproved);
  assert.deepEqual(
    [...new Set(withScripts.map(({ name }) => name))].sort(),
    approved.map(([name]) => name).sort(),
  );
});

test('npm run sbom lists everything that is installed, with its checksum, and tells what only builds and tests', () => {
  const text = execFileSync('npm', ['run', '-s', 'sbom'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const { bomFormat, components } = JSON.parse(text) as { bomFormat: string; components: Component[] };
  assert.equal(bomFormat, 'CycloneDX');
  const listed = new Map(
    components.map((component) => [`${component.name}@${component.version}`, component]),
  );
  const installed = fetched.filter(({ path }) => existsSync(join(root, path)));
  assert.ok(installed.length > 100);
  for (const { name, version } of installed) {
    const component = listed.get(`${name}@${version}`);
    assert.deepEqual(
      component?.hashes?.map(({ alg }) => alg),
      ['SHA-512'],
      `${name}@${version}`,
    );
  }
  const isForDevelopment = (name: string) =>
    components
      .find((component) => component.name === name)
      ?.properties?.some((property) => property.name === 'cdx:npm:package:development') === true;
  assert.equal(isForDevelopment('fast-check'), true);
  for (const name of Object.keys(read<Manifest>('service/package.json').dependencies ?? {})) {
    assert.equal(isForDevelopment(name), false, name);
  }
});
