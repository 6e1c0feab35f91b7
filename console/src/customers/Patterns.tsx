import { Alert, List } from '@mantine/core';
import { t } from '../texts/texts.ts';
import type { Customer } from './queries.ts';

/** What a look should not miss; it says what is, and decides nothing. */
export function Patterns({ patterns }: Pick<Customer, 'patterns'>) {
  if (patterns.length === 0) return null;
  return (
    <Alert color="orange" title={t.customer.patterns}>
      <List size="sm" spacing={4}>
        {patterns.map(({ code, sentence }) => (
          <List.Item key={code}>{sentence}</List.Item>
        ))}
      </List>
    </Alert>
  );
}
