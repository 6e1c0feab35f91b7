import type Stripe from 'stripe';
import { difference } from '../difference.ts';
import { noSuchObject } from '../errors.ts';
import { emitEvent } from '../events.ts';
import { mergeMetadata } from '../forms.ts';
import { transact, type World } from '../world.ts';

export type CustomerInput = {
  email?: string | null | undefined;
  name?: string | null | undefined;
  phone?: string | null | undefined;
  description?: string | null | undefined;
  metadata?: Record<string, string | null> | null | undefined;
};

/** A new customer; emits `customer.created`. */
export function createCustomer(world: World, input: CustomerInput = {}): Stripe.Customer {
  return transact(world, () => {
    const id = world.ids.next('cus');
    const customer: Stripe.Customer = {
      id,
      object: 'customer',
      address: null,
      balance: 0,
      created: world.clock.now_s(),
      currency: null,
      default_source: null,
      delinquent: false,
      description: input.description ?? null,
      discount: null,
      email: input.email ?? null,
      invoice_prefix: id.slice(4, 12).toUpperCase(),
      invoice_settings: {
        custom_fields: null,
        default_payment_method: null,
        footer: null,
        rendering_options: null,
      },
      livemode: world.livemode,
      metadata: mergeMetadata({}, input.metadata),
      name: input.name ?? null,
      next_invoice_sequence: 1,
      phone: input.phone ?? null,
      preferred_locales: [],
      shipping: null,
      tax_exempt: 'none',
      test_clock: null,
    };
    world.store.insert('customer', customer, { email: customer.email });
    emitEvent(world, 'customer.created', customer);
    return customer;
  });
}

export function requireCustomer(world: World, id: string): Stripe.Customer {
  const row = world.store.find('customer', id);
  if (row === undefined) throw noSuchObject('customer', id);
  return row.body;
}

/** Changes a customer; emits `customer.updated` where something changed. */
export function updateCustomer(world: World, id: string, input: CustomerInput): Stripe.Customer {
  return transact(world, () => {
    const customer = requireCustomer(world, id);
    const changed: Stripe.Customer = {
      ...customer,
      email: input.email === undefined ? customer.email : input.email,
      name: input.name === undefined ? (customer.name ?? null) : input.name,
      phone: input.phone === undefined ? (customer.phone ?? null) : input.phone,
      description: input.description === undefined ? customer.description : input.description,
      metadata: mergeMetadata(customer.metadata, input.metadata),
    };
    const previous = difference(customer, changed);
    if (previous === undefined) return customer;
    world.store.update('customer', changed, { email: changed.email });
    emitEvent(world, 'customer.updated', changed, previous);
    return changed;
  });
}

/** Deletes a customer as `DELETE /v1/customers/:id` does: what is left says `deleted: true`. */
export function deleteCustomer(world: World, id: string): Stripe.DeletedCustomer {
  return transact(world, () => {
    const customer = requireCustomer(world, id);
    const deleted: Stripe.DeletedCustomer = { id, object: 'customer', deleted: true };
    world.store.become('deleted_customer', deleted);
    emitEvent(world, 'customer.deleted', customer);
    return deleted;
  });
}
