import type { Issuer } from '../../service/src/access/issuer.ts';
import type { TokenFacts } from '../../service/src/access/token-facts.ts';

/** Somebody who calls; the name is the token. */
export interface CallerPerson {
  token: string;
  service: boolean;
  scopes: readonly string[];
}

const agent = (token: string): CallerPerson => ({
  token,
  service: false,
  scopes: ['admin:refunds.read', 'admin:refunds.issue'],
});
const approver = (token: string): CallerPerson => ({ token, service: false, scopes: ['admin:refunds'] });
const service = (token: string): CallerPerson => ({
  token,
  service: true,
  scopes: ['write:refunds', 'admin:refunds.read', 'admin:refunds.issue'],
});

export const APPROVERS = [approver('approver_1'), approver('approver_2')];
/** Everybody who may use the admin routes. */
export const STAFF = [agent('agent_1'), agent('agent_2'), ...APPROVERS];
export const CALLERS = [...STAFF, service('service_1'), service('service_2')];

/** Above this somebody else approves. Yen have a limit of their own. */
export const APPROVAL_LIMITS = {
  agent: { usd: 6_000, eur: 6_000, jpy: 5_000 },
  approver: { usd: 20_000, eur: 20_000, gbp: 20_000, jpy: 20_000 },
};

const FACTS = new Map<string, TokenFacts>(
  CALLERS.map(({ token, service, scopes }) => [
    token,
    {
      sub: token,
      client_id: service ? token : 'console',
      scopes: new Set(scopes),
      brand: undefined,
      roles: undefined,
      signed_in_at_ms: undefined,
      expires_at_ms: Number.MAX_SAFE_INTEGER,
    },
  ]),
);

/** An issuer that knows them all; issuers' own faults are not this simulation's subject. */
export const issuer: Issuer = {
  check: async (token) => FACTS.get(token),
  reach: async () => {},
};
