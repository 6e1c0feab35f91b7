/** A receiver of events, as the books have it. */
export interface Endpoint {
  endpoint_id: string;
  brand_id: string;
  url: string;
  description: string | null;
  /** What it is told of; see SUBSCRIPTIONS. */
  event_types: string[];
  status: EndpointStatus;
  disabled_reason: 'by_hand' | 'failing' | 'gone' | null;
  /** Attempts that have failed one after another; 0 as soon as one gets through. */
  failures: number;
  failing_since: Date | null;
  former_expires_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

export const ENDPOINT_STATUSES = ['enabled', 'disabled'] as const;
export type EndpointStatus = (typeof ENDPOINT_STATUSES)[number];

export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed', 'canceled'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];
