import { Button, Combobox, Group, Loader, Modal, Stack, Text, TextInput, useCombobox } from '@mantine/core';
import { useDebouncedCallback, useSessionStorage } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Money } from '../money/Money.tsx';
import { useSession } from '../session/session.ts';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { t } from '../texts/texts.ts';
import { addressOf, type Found, searchQuery } from './queries.ts';

/** How long somebody has to stop typing before it is looked for. */
const PAUSE_ms = 120;
const RECENT_MAX = 8;

type Recent = Pick<Found, 'type' | 'id' | 'payment_id'>;

/** Finds anything by any of its ids, by keyboard alone: type or paste, choose with the arrows, Enter. */
export function SearchDialog({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const { actor_id } = useSession();
  // For as long as the tab is there, and until signing out: ids of customers are nobody else's to find.
  const [recent, setRecent] = useSessionStorage<Recent[]>({
    key: `recent-searches-${actor_id}`,
    defaultValue: [],
  });
  const [typed, setTyped] = useState('');
  const [q, setQ] = useState('');
  const lookSoon = useDebouncedCallback(setQ, PAUSE_ms);
  /** What Enter was pressed for before it was found. */
  const [awaited, setAwaited] = useState<string>();
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuery({
    ...searchQuery(q),
    enabled: q !== '',
    placeholderData: keepPreviousData,
  });
  const found = q === '' || error !== null ? [] : (data ?? []);
  const settled = q === typed.trim() && !isPlaceholderData && data !== undefined;
  const combobox = useCombobox({ opened: true, onDropdownClose: onClose });
  const shown: readonly Recent[] = q === '' ? recent : found;

  const go = (chosen: Recent) => {
    const { type, id, payment_id } = chosen;
    setRecent((before) =>
      [{ type, id, payment_id }, ...before.filter((one) => one.id !== id || one.type !== type)].slice(
        0,
        RECENT_MAX,
      ),
    );
    onClose();
    void navigate({ to: addressOf(chosen) });
  };

  const first = found[0];
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is gone to is the first of what was awaited, once it is there
  useEffect(() => {
    if (settled && first !== undefined && awaited === q) go(first);
    else if (settled) combobox.selectFirstOption();
  }, [settled, first, awaited, q]);

  return (
    <Modal
      opened
      onClose={onClose}
      title={t.search.title}
      size="lg"
      yOffset="10dvh"
      closeButtonProps={{ 'aria-label': t.common.close }}
    >
      <Combobox
        store={combobox}
        onOptionSubmit={(at) => shown[Number(at)] && go(shown[Number(at)] as Recent)}
      >
        <Stack gap="sm">
          <Combobox.EventsTarget withExpandedAttribute>
            <TextInput
              label={t.search.label}
              placeholder={t.search.placeholder}
              value={typed}
              data-autofocus
              autoComplete="off"
              spellCheck={false}
              maxLength={200}
              rightSection={isFetching && <Loader size="xs" aria-label={t.search.searching} />}
              onChange={({ currentTarget }) => {
                setTyped(currentTarget.value);
                setAwaited(undefined);
                lookSoon(currentTarget.value.trim());
              }}
              onKeyDown={({ key }) => {
                if (key !== 'Enter' || typed.trim() === '' || settled) return;
                setQ(typed.trim());
                setAwaited(typed.trim());
              }}
            />
          </Combobox.EventsTarget>
          {error !== null && q !== '' && <ErrorNotice error={error} retry={() => void refetch()} />}
          {q === '' && recent.length > 0 && (
            <Group justify="space-between">
              <Text size="sm" c="dimmed">
                {t.search.recent}
              </Text>
              <Button variant="subtle" size="compact-sm" onClick={() => setRecent([])}>
                {t.search.forget}
              </Button>
            </Group>
          )}
          <Combobox.Options aria-label={t.search.title}>
            {q === ''
              ? recent.map((one, at) => <RecentOption key={`${one.type} ${one.id}`} found={one} at={at} />)
              : found.map((one, at) => <FoundOption key={`${one.type} ${one.id}`} found={one} at={at} />)}
          </Combobox.Options>
          <div role="status">
            {settled && found.length > 0 && <span className="hidden">{t.search.found(found.length)}</span>}
            {settled && found.length === 0 && error === null && (
              <Stack gap={4} py="md">
                <Text fw={600}>{t.search.nothing(q)}</Text>
                <Text size="sm" c="dimmed">
                  {t.search.nothing_text}
                </Text>
              </Stack>
            )}
          </div>
        </Stack>
      </Combobox>
    </Modal>
  );
}

function RecentOption({ found: { type, id }, at }: { found: Recent; at: number }) {
  return (
    <Combobox.Option value={String(at)}>
      <Group gap="sm" wrap="nowrap">
        <Text size="sm" c="dimmed" w={70}>
          {t.search.types[type]}
        </Text>
        <span className="id">{id}</span>
      </Group>
    </Combobox.Option>
  );
}

function FoundOption({ found, at }: { found: Found; at: number }) {
  const { type, id, matched, amount_cents, currency, customer_id } = found;
  return (
    <Combobox.Option value={String(at)}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Group gap="sm" wrap="nowrap" miw={0}>
          <Text size="sm" c="dimmed" w={70} className="whole">
            {t.search.types[type]}
          </Text>
          <div>
            <span className="id">{id}</span>
            <Text size="xs" c="dimmed">
              {type === 'customer' ? t.search.by(matched) : `${customer_id} · ${t.search.by(matched)}`}
            </Text>
          </div>
        </Group>
        {amount_cents !== null && currency !== null && <Money cents={amount_cents} currency={currency} />}
      </Group>
    </Combobox.Option>
  );
}
