import { renderEvent } from '../delivery.ts';
import { invalidParameter, noSuchObject } from '../errors.ts';
import { EVENT_RETENTION_S } from '../events.ts';
import type { Route } from '../http.ts';
import { listPage, readPage } from '../pagination.ts';
import type { World } from '../world.ts';

export function eventRoutes(route: Route): void {
  route('GET', '/v1/events/:id', ({ world, params, id }) => {
    params.done();
    const row = world.store.find('event', id);
    if (row === undefined || row.created < world.clock.now_s() - EVENT_RETENTION_S)
      throw noSuchObject('event', id);
    return renderEvent(world, row.body);
  });
  route('GET', '/v1/events', ({ world, params }) => {
    const page = readPage(params);
    const type = params.string('type');
    const types = params.list('types');
    const created = params.range('created');
    const delivered = params.boolean('delivery_success');
    params.done();
    if (type !== undefined && types !== undefined)
      throw invalidParameter('You may only specify one of these parameters: type, types.', { param: 'type' });
    if (types !== undefined && types.length > 20)
      throw invalidParameter('You may only specify up to 20 types.', { param: 'types' });
    const since_s = world.clock.now_s() - EVENT_RETENTION_S;
    const prefix = type?.endsWith('.*') ? type.slice(0, -1) : undefined;
    const wanted = prefix === undefined ? (type === undefined ? types : [type]) : knownTypes(world, prefix);
    return listPage(
      world,
      'event',
      '/v1/events',
      page,
      {
        created,
        since_s,
        ...(wanted === undefined ? {} : { eventTypes: wanted }),
        ...(delivered === undefined ? {} : { delivered }),
      },
      (row) => renderEvent(world, row.body),
    );
  });
}

function knownTypes(world: World, prefix: string): string[] {
  return world.store
    .sql(
      "SELECT DISTINCT event_type FROM objects WHERE kind = 'event' AND event_type >= ? AND event_type < ?",
    )
    .all(prefix, `${prefix}~`)
    .map((row) => String(row.event_type));
}
