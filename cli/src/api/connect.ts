import { createPayments, type Payments, PaymentsConnectionError, PaymentsError } from '@payments/client';
import { printable } from '../table.ts';
import { readApiSettings } from './settings.ts';
import { keepToken } from './token.ts';

/** The service, as the environment says. */
export function connect(env: NodeJS.ProcessEnv = process.env): Payments {
  const { url, token, client, brand_id } = readApiSettings(env);
  const getToken = token ?? (client === undefined ? undefined : keepToken(client));
  return createPayments({
    baseUrl: url,
    ...(getToken === undefined ? {} : { token: getToken }),
    ...(brand_id === undefined ? {} : { brand_id }),
  });
}

/** What went wrong with the service, in a sentence for whoever is at the terminal. */
export function explainApi(error: unknown): string | undefined {
  if (error instanceof PaymentsConnectionError) return `${error.message} Look at PAYMENTS_URL.`;
  if (!(error instanceof PaymentsError)) return undefined;
  const about = error.field === undefined ? '' : ` (${error.field})`;
  const request = error.request_id === undefined ? '' : ` [request ${error.request_id}]`;
  return `${printable(error.message)}${about}${error.status >= 500 ? request : ''}`;
}

/** One JSON object a line, for programs. */
export const printJson = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
