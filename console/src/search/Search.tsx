import { ActionIcon, Button, Kbd, Tooltip } from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import { IconSearch } from '../shell/icons.tsx';
import { t } from '../texts/texts.ts';

const load = () => import('./SearchDialog.tsx');
const SearchDialog = lazy(() => load().then((module) => ({ default: module.SearchDialog })));

/** The way to anything by its id: a button, `/`, or Ctrl-K (⌘K) from wherever one is. */
export function Search() {
  const [opened, { open, close }] = useDisclosure();
  useHotkeys([['/', open]]);
  // Also while somebody types: no field takes this for a letter.
  useHotkeys([['mod+K', open]], []);
  return (
    <>
      <Button
        variant="default"
        size="xs"
        leftSection={<IconSearch />}
        rightSection={<Kbd size="xs">/</Kbd>}
        onClick={open}
        onPointerEnter={() => void load()}
        onFocus={() => void load()}
        aria-keyshortcuts="/ Control+K"
        visibleFrom="sm"
      >
        {t.search.open}
      </Button>
      <Tooltip label={t.search.open}>
        <ActionIcon variant="default" size="lg" onClick={open} aria-label={t.search.open} hiddenFrom="sm">
          <IconSearch />
        </ActionIcon>
      </Tooltip>
      {opened && (
        <Suspense>
          <SearchDialog onClose={close} />
        </Suspense>
      )}
    </>
  );
}
