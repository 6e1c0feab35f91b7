export { type CallOptions, createPayments, type Payments, type PaymentsOptions } from './client.ts';
export { PaymentsConnectionError, PaymentsError } from './errors.ts';
export { nextCursor, type Page, Pages } from './pages.ts';
export type {
  Answer,
  components,
  EventType,
  ExportedRefund,
  operations,
  paths,
  Query,
  RequestBody,
  Row,
  WebhookEvent,
} from './types.ts';
export { verifyWebhook, WebhookVerificationError } from './webhooks.ts';
