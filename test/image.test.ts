import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Copy, DockerfileParser, type From, type Instruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { startIssuer } from '../local/issuer/start.ts';
import { startStripe } from '../local/stripe/server.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { createTestDatabase } from './support/database.ts';
import { Program, runProgram } from './support/program.ts';
import { Service, settingsOf } from './support/service.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
const dockerfile = DockerfileParser.parse(text);
const instructions = dockerfile.getInstructions();
const isFrom = (one: Instruction): one is From => one.getKeyword() === 'FROM';
const final = instructions.slice(instructions.findLastIndex(isFrom));
const ofFinal = (keyword: string) => final.filter((one) => one.getKeyword() === keyword);
const argumentsOf = (one: Instruction | undefined) => (one?.getArguments() ?? []).map(String);

/** The words of an instruction in its JSON form. */
function wordsOf(instruction: Instruction | undefined): string[] {
  const content = instruction?.getRawArgumentsContent() ?? '';
  return JSON.parse(content.slice(content.indexOf('['))) as string[];
}

test('the Dockerfile is one that Docker builds, of pinned images, and ends as nobody in particular', () => {
  assert.deepEqual(
    validate(text).map(({ message }) => message),
    [],
  );
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const [pinned] = instructions.filter((one) => one.getKeyword() === 'ARG').flatMap(argumentsOf);
  assert.equal(pinned, `NODE_IMAGE=node:${devDependencies.node}-bookworm-slim`, 'the Node of the tests');
  const stages = dockerfile.getFROMs().map((from) => from.getBuildStage());
  for (const from of dockerfile.getFROMs()) {
    const image = from.getImage() ?? '';
    assert.ok(image === `\${NODE_IMAGE}` || stages.includes(image), image);
  }
  // By number: Kubernetes cannot see of a name that it is not root.
  assert.deepEqual(argumentsOf(ofFinal('USER')[0]), ['1000:1000']);
  assert.ok(
    final.indexOf(ofFinal('USER')[0] as Instruction) >
      final.findLastIndex((one) => one.getKeyword() === 'RUN'),
  );
});

interface Locked {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  link?: boolean;
  resolved?: string;
}
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};

/** Where Node finds a package from a folder of the lock file. */
function resolve(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const path = join(folder, 'node_modules', name);
    if (packages[path] !== undefined) return path;
    if (folder === '') return undefined;
  }
}

/** The folders of what `npm ci` installs for these workspaces. */
function installed(workspaces: string[], { dev }: { dev: boolean }): Set<string> {
  const found = new Set<string>();
  const queue = [...workspaces];
  for (const folder of queue) {
    const { dependencies, optionalDependencies, peerDependencies, devDependencies } = packages[folder] ?? {};
    const named = { ...dependencies, ...optionalDependencies, ...peerDependencies };
    if (dev && workspaces.includes(folder)) Object.assign(named, devDependencies);
    for (const name of Object.keys(named)) {
      const path = resolve(folder, name);
      if (path === undefined || found.has(path)) continue;
      found.add(path);
      // One of ours leads to its folder.
      const { link, resolved } = packages[path] ?? {};
      queue.push(link === true ? (resolved ?? '') : path);
    }
  }
  return found;
}

/** The instructions of a stage, and of those that it is built on. */
function instructionsOf(stage: string): Instruction[] {
  const from = dockerfile.getFROMs().find((one) => one.getBuildStage() === stage) ?? assert.fail(stage);
  const begin = instructions.indexOf(from);
  const end = instructions.findIndex((one, at) => at > begin && isFrom(one));
  const base = from.getImage() ?? '';
  return [...(base.startsWith('$') ? [] : instructionsOf(base)), ...instructions.slice(begin + 1, end)];
}

/**
 * Makes a folder with what a stage has in it: its COPYs, and links to the packages that its `npm ci`, or that of `dependencies`, installs.
 *
 * @returns where these packages are
 */
function unpack(folder: string, stage: Instruction[], ci: Instruction[] = stage): string[] {
  for (const copy of stage.filter((one) => one.getKeyword() === 'COPY') as Copy[]) {
    const words = argumentsOf(copy);
    const target = words.at(-1) ?? '';
    const from = copy.getFromFlag()?.getValue();
    if (from === 'dependencies') continue;
    for (const source of words.slice(0, -1).map((word) => word.replace('/app/', ''))) {
      const into = target.endsWith('/') && !source.endsWith('/') ? join(target, basename(source)) : target;
      cpSync(join(root, source), join(folder, into), {
        recursive: true,
        filter: (path) =>
          !/\/node_modules|\.test\.ts$/.test(path) && (from !== undefined || !/\/dist(\/|$)/.test(path)),
      });
    }
  }
  const [flags = ''] = ci
    .filter((one) => one.getKeyword() === 'RUN')
    .flatMap((one) => /npm ci (.*)/.exec(one.getRawArgumentsContent() ?? '')?.[1] ?? []);
  const workspaces = [...flags.matchAll(/-w (\w+)/g)].map(([, name = '']) => name);
  assert.ok(workspaces.length > 0);
  const link = (target: string, path: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(target, join(folder, path));
  };
  const linked: string[] = [];
  for (const path of installed(workspaces, { dev: !flags.includes('--omit=dev') })) {
    // What lies in another package's folder comes with it.
    if (path.lastIndexOf('node_modules/') !== 0 || !existsSync(join(root, path))) continue;
    const { link: ours, resolved = '' } = packages[path] ?? {};
    if (ours !== true) {
      linked.push(realpathSync(join(root, path)));
      link(linked.at(-1) ?? '', path);
    } else if (!workspaces.includes(resolved)) link(join(folder, resolved), path);
  }
  for (const workspace of workspaces) link(join(folder, workspace), `node_modules/@payments/${workspace}`);
  return linked;
}

const temporary = () => {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'payments-image-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  return folder;
};

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());

test('what the image has is enough to serve, with a console, from a file system that cannot be written', async () => {
  const folder = temporary();
  const readable = [folder, ...unpack(folder, final, instructionsOf('dependencies'))];
  const database = stack.use(await createTestDatabase());
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY });
  stack.defer(() => standIn.close());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const settings = {
    ...settingsOf({ databaseUrl: database.url, standIn, issuer }),
    NODE_ENV: 'production',
    MIGRATIONS: 'wait',
    // The job queue looks for a configuration of its own from where it is started up to here.
    HOME: folder,
    // Only what is in the image can be read, nothing be written, no program be run.
    NODE_OPTIONS: ['--permission', ...readable.map((path) => `--allow-fs-read=${path}`)].join(' '),
  };
  const [program = '', script = ''] = wordsOf(ofFinal('CMD')[0]);
  assert.equal(program, 'node');

  await using service = new Service(settings, join(folder, script), folder);
  const url = await service.ready();
  const page = await fetch(`${url}/console`);
  assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
  assert.equal((await fetch(`${url}/reference`)).status, 200);
  assert.doesNotMatch(service.output, /ERR_ACCESS_DENIED|ERR_MODULE_NOT_FOUND/);

  const [health = '', ...words] = wordsOf(ofFinal('HEALTHCHECK')[0]);
  assert.equal(health, 'node');
  const check = (PORT: string) => runProgram(process.execPath, words, { PORT });
  assert.equal((await check(new URL(url).port)).code, 0, 'healthy');
  assert.equal(await service.stop(), 0);
  assert.equal((await check(new URL(url).port)).code, 1, 'nobody there');

  const [, payments = ''] = /ln -s \/app\/(\S+) \/usr\/local\/bin\/payments/.exec(text) ?? [];
  await using command = new Program(
    process.execPath,
    [join(folder, payments), 'migrate', '--check'],
    settings,
    folder,
  );
  assert.equal(await command.ended, 0, command.output);
});

test('what is not in the image is noticed: without one of its packages the service does not start', async () => {
  const folder = temporary();
  unpack(folder, final, instructionsOf('dependencies'));
  rmSync(join(folder, 'node_modules/pino'));
  await using service = new Service(
    { NODE_OPTIONS: '--preserve-symlinks' },
    join(folder, 'service/src/main.ts'),
  );
  assert.equal(await service.ended, 1);
  assert.match(service.output, /Cannot find package 'pino'/);
});

test('the console can be built from what its stage has', async () => {
  const folder = temporary();
  unpack(folder, instructionsOf('console'));
  const vite = join(folder, 'node_modules/vite/bin/vite.js');
  const built = await runProgram(process.execPath, [vite, 'build', join(folder, 'console')], {
    NODE_OPTIONS: '--preserve-symlinks --preserve-symlinks-main',
  });
  assert.equal(built.code, 0, built.stderr);
  assert.ok(existsSync(join(folder, 'console/dist/index.html')));
});

test('the documentation can be built from what its stage has', async () => {
  const folder = temporary();
  unpack(folder, instructionsOf('docs'));
  const built = await runProgram(process.execPath, [join(folder, 'docs/site/build.ts')], {
    NODE_OPTIONS: '--preserve-symlinks --preserve-symlinks-main',
  });
  assert.equal(built.code, 0, built.stderr);
  assert.ok(existsSync(join(folder, 'docs/dist/built.json')));
});
