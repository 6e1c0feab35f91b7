import type { ReactNode } from 'react';
import { t } from '../texts/texts.ts';

/** What there is to know of something, a line each. */
export function Facts({ facts }: { facts: readonly [label: string, value: ReactNode][] }) {
  return (
    <dl className="facts">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value ?? t.common.none}</dd>
        </div>
      ))}
    </dl>
  );
}
