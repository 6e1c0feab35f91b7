import { cardByNumber } from '../cards.ts';
import { noSuchObject, StripeFailure } from '../errors.ts';
import type { Route } from '../http.ts';
import { createPaymentMethod } from '../resources/payment_methods.ts';
import { required } from './filters.ts';

export function paymentMethodRoutes(route: Route): void {
  route('POST', '/v1/payment_methods', ({ world, params }) => {
    const type = required(params.oneOf('type', ['card']), 'type');
    const details = required(params.map('card'), type);
    const number = required(details.string('number'), 'card[number]');
    for (const name of ['exp_month', 'exp_year']) details.integer(name);
    details.string('cvc');
    details.done(['networks', 'token']);
    params.done(['allow_redisplay', 'billing_details', 'customer', 'metadata', 'payment_method']);
    const card = cardByNumber(number);
    if (card === undefined)
      throw new StripeFailure(402, {
        type: 'card_error',
        code: 'incorrect_number',
        message: 'Your card number is incorrect.',
        param: 'number',
      });
    return createPaymentMethod(world, card);
  });
  route('GET', '/v1/payment_methods/:id', ({ world, params, id }) => {
    params.done();
    const row = world.store.find('payment_method', id);
    if (row === undefined) throw noSuchObject('PaymentMethod', id, 'payment_method');
    return row.body;
  });
}
