import { noSuchParameterObject } from '../errors.ts';
import { missing } from '../forms.ts';
import type { Columns } from '../store.ts';
import type { World } from '../world.ts';

/** Removes what was not given, so that an absent parameter and an undefined one are the same. */
export function given<T extends object>(input: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as T;
}

/** A parameter that the route cannot do without. */
export const required = <T>(value: T | undefined, param: string): T => {
  if (value === undefined) throw missing(param);
  return value;
};

/** The columns of a filter. */
export const where = (columns: Record<string, string | undefined>): Columns => given<Columns>(columns);

/** The columns of a filter that names other objects; like Stripe, refuses a name that nobody has. */
export function naming(
  world: World,
  names: { charge?: string | undefined; customer?: string | undefined; payment_intent?: string | undefined },
): Columns {
  for (const kind of ['charge', 'customer', 'payment_intent'] as const) {
    const id = names[kind];
    if (id === undefined || world.store.find(kind, id) !== undefined) continue;
    if (kind === 'customer' && world.store.find('deleted_customer', id) !== undefined) continue;
    throw noSuchParameterObject(kind, id, kind);
  }
  return where(names);
}
