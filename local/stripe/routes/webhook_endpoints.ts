import { invalidParameter } from '../errors.ts';
import type { Params } from '../forms.ts';
import type { Route } from '../http.ts';
import { listPage, readPage } from '../pagination.ts';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  requireWebhookEndpoint,
  updateWebhookEndpoint,
} from '../resources/webhook_endpoints.ts';
import { required } from './filters.ts';

export function webhookEndpointRoutes(route: Route): void {
  const url = (params: Params): string | undefined => {
    const text = params.string('url');
    if (text !== undefined && (!/^https?:\/\/.+/.test(text) || !URL.canParse(text)))
      throw invalidParameter('Invalid URL: An explicit scheme (such as https) must be provided.', {
        code: 'url_invalid',
        param: 'url',
      });
    return text;
  };
  route('POST', '/v1/webhook_endpoints', ({ world, params }) => {
    const input = {
      url: required(url(params), 'url'),
      enabled_events: required(params.list('enabled_events'), 'enabled_events'),
      description: params.unsettable('description') ?? null,
      metadata: params.metadata() ?? null,
      api_version: params.string('api_version') ?? null,
    };
    params.done(['connect']);
    return createWebhookEndpoint(world, input);
  });
  route('GET', '/v1/webhook_endpoints/:id', ({ world, params, id }) => {
    params.done();
    return requireWebhookEndpoint(world, id);
  });
  route('GET', '/v1/webhook_endpoints', ({ world, params }) => {
    const page = readPage(params);
    params.done();
    return listPage(world, 'webhook_endpoint', '/v1/webhook_endpoints', page, {});
  });
  route('POST', '/v1/webhook_endpoints/:id', ({ world, params, id }) => {
    const change = {
      url: url(params),
      enabled_events: params.list('enabled_events'),
      description: params.unsettable('description'),
      metadata: params.metadata(),
      disabled: params.boolean('disabled'),
    };
    params.done();
    return updateWebhookEndpoint(world, id, change);
  });
  route('DELETE', '/v1/webhook_endpoints/:id', ({ world, params, id }) => {
    params.done();
    return deleteWebhookEndpoint(world, id);
  });
}
