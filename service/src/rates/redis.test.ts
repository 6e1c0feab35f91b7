import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../stripe/test-world.ts';
import { countRates } from './rates.ts';
import { shareThroughRedis } from './redis.ts';

const SERVERS = ['redis-server', 'valkey-server'];
const program = SERVERS.find((name) => spawnSync(name, ['--version']).status === 0);
/** No Redis comes through npm, so this is shown where there is one. */
const skip = program === undefined ? `needs ${SERVERS.join(' or ')} on the PATH` : false;

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startRedis(port: number): Promise<{ stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'payments-redis-'));
  const server: ChildProcess = spawn(
    program ?? '',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  server.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until(async () => /ready to accept connections/i.test(said));
  return {
    async stop() {
      const ended = once(server, 'close');
      server.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** An instance that exchanges when told to. */
async function instance(port: number) {
  const shared = await shareThroughRedis(`redis://127.0.0.1:${port}`);
  const said: string[] = [];
  const say = (sentence: string) => said.push(sentence);
  const rates = countRates({ shared, log: { warn: (_facts, text) => say(text), info: say } });
  return {
    ...rates,
    shared,
    said,
    do(name: string, times: number) {
      for (let time = 0; time < times; time += 1) rates.rate(name).add(1_000_000);
    },
    /** Exchanges until that goes well. */
    async reach() {
      await until(async () => {
        rates.rate('reach').add(1);
        await rates.exchange();
        return said.at(-1)?.includes('by itself') !== true;
      });
    },
    left: (name: string) => rates.rate(name).left(100).left,
    async [Symbol.asyncDispose]() {
      await rates.stop();
      shared.close();
    },
  };
}

test('instances count together in a Redis, go on by themselves while it is down, and share again afterwards', {
  skip,
}, async () => {
  const port = await findPort();
  let redis = await startRedis(port);
  try {
    await using first = await instance(port);
    await using second = await instance(port);
    await first.reach();
    await second.reach();
    first.do('together', 10);
    second.do('together', 5);
    await first.exchange();
    await second.exchange();
    assert.equal(second.left('together'), 85);
    first.do('together', 1);
    await first.exchange();
    assert.equal(first.left('together'), 84);
    assert.equal(first.left('another'), 100);

    await redis.stop();
    first.do('together', 20);
    await first.exchange();
    assert.equal(first.left('together'), 64);
    assert.match(first.said.at(-1) ?? '', /counts by itself/);

    redis = await startRedis(port);
    await first.reach();
    await second.reach();
    second.do('together', 30);
    first.do('together', 1);
    await second.exchange();
    await first.exchange();
    assert.equal(first.left('together'), 69);
    assert.deepEqual(first.said.slice(-1), ['the limits are shared with the other instances again']);
  } finally {
    await redis.stop();
  }
});

test('with no Redis there, or one that does not answer, nothing is thrown and limits go on', async () => {
  const mute = createServer((socket) => socket.resume().on('error', () => {}));
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address() as AddressInfo;
  try {
    for (const port of [1, address.port]) {
      await using one = await instance(port);
      one.do('alone', 99);
      await one.exchange();
      assert.equal(one.left('alone'), 1);
      assert.match(one.said.at(-1) ?? '', /counts by itself/);
    }
  } finally {
    mute.close();
  }
});
