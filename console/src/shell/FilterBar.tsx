import { Button, Group } from '@mantine/core';
import { useDisclosure, useMediaQuery } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { t } from '../texts/texts.ts';
import { PHONE } from './phone.ts';

interface Props {
  label: string;
  /** How many filters are set. */
  set: number;
  onClear: () => void;
  children: ReactNode;
}

/** By what a list is narrowed. On a phone it is folded up, so that the list can be seen. */
export function FilterBar({ label, set, onClear, children }: Props) {
  const isPhone = useMediaQuery(PHONE);
  const [opened, { toggle }] = useDisclosure();
  return (
    <search aria-label={label}>
      {isPhone === true && (
        <Button variant="default" size="xs" onClick={toggle} aria-expanded={opened} mb={opened ? 'sm' : 0}>
          {set === 0 ? label : t.common.set(label, set)}
        </Button>
      )}
      {(isPhone !== true || opened) && (
        <form onSubmit={(event) => event.preventDefault()}>
          <Group gap={10} align="end">
            {children}
            {set > 0 && (
              <Button variant="subtle" onClick={onClear}>
                {t.common.clear}
              </Button>
            )}
          </Group>
        </form>
      )}
    </search>
  );
}
