import { noSuchObject } from '../errors.ts';
import type { Route } from '../http.ts';
import { balance } from '../resources/balance.ts';

export function balanceRoutes(route: Route): void {
  route('GET', '/v1/balance_transactions/:id', ({ world, params, id }) => {
    params.done();
    const row = world.store.find('balance_transaction', id);
    if (row === undefined) throw noSuchObject('balance transaction', id);
    return row.body;
  });
  route('GET', '/v1/balance', ({ world, params }) => {
    params.done();
    return balance(world);
  });
}
