/** Somebody who can be signed in with one click on a laptop. */
export interface Person {
  /** The name to ask for (`--as agent`) and the `sub` of their tokens. */
  id: string;
  name: string;
  /** What they do, in one line. */
  role: string;
  /** All they may ever be granted. */
  scopes: readonly string[];
}

const AGENT = ['admin:refunds.read', 'admin:refunds.issue', 'admin:payments.read', 'admin:disputes.read'];

export const PEOPLE: readonly Person[] = [
  {
    id: 'agent',
    name: 'Amina Yusuf',
    role: 'Support agent: finds payments, issues refunds',
    scopes: AGENT,
  },
  {
    id: 'approver',
    name: 'Ben Okafor',
    role: 'Team lead: an agent who also approves refunds above the limit',
    scopes: [...AGENT, 'admin:refunds.approve'],
  },
  {
    id: 'finance',
    name: 'Clara Lindqvist',
    role: 'Finance: approves, reads reports',
    scopes: [
      'admin:refunds.read',
      'admin:refunds.approve',
      'admin:payments.read',
      'admin:disputes.read',
      'admin:reports.read',
    ],
  },
  {
    id: 'auditor',
    name: 'Daichi Mori',
    role: 'Auditor: reads everything, changes nothing',
    scopes: ['admin:refunds.read', 'admin:payments.read', 'admin:disputes.read', 'admin:audit.read'],
  },
  {
    id: 'operator',
    name: 'Farah Haddad',
    role: 'Operator: watches over the service, has events replayed, settles differences with Stripe',
    scopes: [
      'admin:operations.read',
      'admin:operations',
      'admin:webhooks',
      'admin:events.read',
      'admin:events',
    ],
  },
  {
    id: 'nobody',
    name: 'Eve Nováková',
    role: 'Works here, but may do nothing in payments',
    scopes: [],
  },
];

export function findPerson(id: string): Person | undefined {
  return PEOPLE.find((person) => person.id === id);
}
