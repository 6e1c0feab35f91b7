/** The pages beside every page, in the order in which they are read: `previous` and `next` go along it. */
export const SECTIONS: readonly (readonly [title: string, places: readonly string[]])[] = [
  [
    'Begin',
    [
      '',
      'guides/quick-start',
      'guides/first-refund',
      'guides/connect-stripe',
      'guides/build-on-events',
      'concepts',
      'faq',
    ],
  ],
  ['Use', ['guides/console', 'client', 'access', 'guides/migrating', 'comparison']],
  [
    'Operate',
    ['guides/operate', 'deploy', 'settings', 'guides/backup', 'issuer', 'rotation', 'resources', 'logging'],
  ],
  [
    'Trust',
    [
      'architecture',
      'proof',
      'audit',
      'privacy',
      'cryptography',
      'security-review',
      'decisions',
      'changelog',
    ],
  ],
];

export const ORDER: readonly string[] = SECTIONS.flatMap(([, places]) => places);
