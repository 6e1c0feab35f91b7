import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { startTestApp } from '../../../test/support/app.ts';

test('closing does not wait for a connection whose answer had begun before, once that has ended', async () => {
  const body = new PassThrough();
  const service = await startTestApp({
    extend(app) {
      app.get('/v1/slow', { config: { audited: false }, schema: { security: [] } }, async (_request, reply) =>
        reply.type('text/plain').send(body),
      );
    },
  });
  const agent = new Agent({ keepAlive: true });
  try {
    body.write('a beginning');
    const [answer] = (await once(get(`${service.url}/v1/slow`, { agent }), 'response')) as [IncomingMessage];
    assert.notEqual(answer.headers.connection, 'close');
    const closed = service.app.close();
    // Nobody is let in any more, so the end is known by now.
    await assert.rejects(once(get(`${service.url}/v1/slow`, { agent: false }), 'response'));
    body.end(' and an end');
    answer.setEncoding('utf8');
    assert.equal((await answer.toArray()).join(''), 'a beginning and an end');
    const began = performance.now();
    await closed;
    // A caller may keep a connection for more than a minute.
    assert.ok(performance.now() - began < 10_000);
  } finally {
    agent.destroy();
    await service[Symbol.asyncDispose]();
  }
});
