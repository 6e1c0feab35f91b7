import { invalidParameter, noSuchParameterObject } from './errors.ts';
import type { Params } from './forms.ts';
import type { Columns, Kind, Kinds, Query, Range, Row } from './store.ts';
import type { World } from './world.ts';

export type List<T> = { object: 'list'; url: string; has_more: boolean; data: T[] };

export type PageRequest = { limit: number; starting_after?: string; ending_before?: string };

/** `limit` (1 to 100, default 10), `starting_after`, `ending_before`: https://docs.stripe.com/api/pagination */
export function readPage(params: Params): PageRequest {
  const limit = params.integer('limit', { min: 1, max: 100 }) ?? 10;
  const starting_after = params.string('starting_after');
  const ending_before = params.string('ending_before');
  if (starting_after !== undefined && ending_before !== undefined)
    throw invalidParameter('You may only specify one of these parameters: starting_after, ending_before.', {
      param: 'starting_after',
    });
  return {
    limit,
    ...(starting_after === undefined ? {} : { starting_after }),
    ...(ending_before === undefined ? {} : { ending_before }),
  };
}

/** One page of a kind of object, newest first. */
export function listPage<K extends Kind>(
  world: World,
  kind: K,
  url: string,
  page: PageRequest,
  filter: { where?: Columns; created?: Range; eventTypes?: string[]; since_s?: number; delivered?: boolean },
  render: (row: Row<K>) => Kinds[K] = (row) => row.body,
): List<Kinds[K]> {
  const query: Query = { where: filter.where ?? {}, created: filter.created ?? {}, limit: page.limit };
  if (filter.eventTypes !== undefined) query.eventTypes = filter.eventTypes;
  if (filter.since_s !== undefined) query.since_s = filter.since_s;
  if (filter.delivered !== undefined) query.delivered = filter.delivered;
  if (page.starting_after !== undefined)
    query.startingAfter = cursor(world, kind, page.starting_after, 'starting_after');
  if (page.ending_before !== undefined)
    query.endingBefore = cursor(world, kind, page.ending_before, 'ending_before');
  const rows = world.store.list(kind, query);
  const has_more = rows.length > page.limit;
  if (has_more) rows.pop();
  if (query.endingBefore !== undefined) rows.reverse();
  return { object: 'list', url, has_more, data: rows.map(render) };
}

function cursor(world: World, kind: Kind, id: string, param: string): { created: number; seq: number } {
  const row = world.store.find(kind, id);
  if (row === undefined) throw noSuchParameterObject(kind, id, param);
  return { created: row.created, seq: row.seq };
}
