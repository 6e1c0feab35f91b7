import { Button, Checkbox, Group, Stack, Text, Textarea } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { createContext, useContext, useState } from 'react';
import { api, bodyOf } from '../api/api.ts';
import { ActionDialog } from '../refunds/actions/ActionDialog.tsx';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import type { Column } from '../shell/Listing.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { type Difference, differencesQuery } from './queries.ts';
import { Rows } from './Rows.tsx';

interface Props {
  open: boolean;
  onOpen: (open: boolean) => void;
}

const Closing = createContext<(difference: Difference) => void>(() => {});

/** Where the books and Stripe did not agree, and what was done about it. */
export function Differences({ open, onOpen }: Props) {
  const list = useInfiniteQuery(differencesQuery(open));
  const [closed, setClosed] = useState<Difference>();
  const [note, setNote] = useState('');
  const close = () => {
    setClosed(undefined);
    setNote('');
  };
  return (
    <Closing value={setClosed}>
      <Stack gap="sm">
        <Checkbox
          label={t.operations.only_open}
          checked={open}
          onChange={({ currentTarget }) => onOpen(currentTarget.checked)}
        />
        <Rows
          list={list}
          label={t.operations.tabs.differences}
          keyOf={({ difference_id }) => difference_id}
          columns={COLUMNS}
          card={DifferenceCard}
          empty={<Empty title={t.operations.no_differences} text={t.operations.no_differences_text} />}
        />
      </Stack>
      {closed !== undefined && (
        <ActionDialog
          title={t.operations.close}
          text={t.operations.close_text}
          ready={note.trim() !== ''}
          act={(key) =>
            bodyOf(
              api.POST('/v1/admin/reconcile-differences/{difference_id}/close', {
                params: { path: { difference_id: closed.difference_id } },
                body: { note: note.trim() },
                headers: { 'Idempotency-Key': key },
              }),
            )
          }
          onClose={close}
        >
          <Textarea
            label={t.operations.close_note}
            value={note}
            maxLength={2_000}
            autosize
            required
            data-autofocus
            onChange={({ currentTarget }) => setNote(currentTarget.value)}
          />
        </ActionDialog>
      )}
    </Closing>
  );
}

const kindText = (kind: string) => t.operations.kinds[kind] ?? kind.replaceAll('_', ' ');

function Side({ says }: { says: Difference['here'] }) {
  if (says === null) return t.common.none;
  return Object.entries(says).map(([name, value]) => (
    <Text key={name} size="xs">
      {name.replaceAll('_', ' ')}: <span className="id">{String(value)}</span>
    </Text>
  ));
}

function Done({ row }: { row: Difference }) {
  const close = useContext(Closing);
  const may = useMay('admin:operations');
  if (row.closed_at !== null) {
    return (
      <>
        {row.closed_by_id === null ? t.operations.dones[row.done] : t.operations.closed(row.closed_by_id)}
        {row.note !== null && (
          <Text size="xs" c="dimmed">
            {row.note}
          </Text>
        )}
      </>
    );
  }
  return (
    <Group gap="xs">
      <Text size="sm">{t.operations.dones[row.done]}</Text>
      {may && (
        <Button variant="default" size="compact-sm" onClick={() => close(row)}>
          {t.operations.close}
        </Button>
      )}
    </Group>
  );
}

const COLUMNS: readonly Column<Difference>[] = [
  { name: 'found', label: t.operations.found, cell: ({ row }) => <Moment at={row.found_at} /> },
  { name: 'kind', label: t.operations.kind, cell: ({ row }) => kindText(row.kind) },
  {
    name: 'about',
    label: t.operations.about,
    cell: ({ row }) => (
      <>
        <span className="id">{row.entity_id ?? t.common.none}</span>
        <Text size="xs" c="dimmed" className="id">
          {row.stripe_id}
        </Text>
      </>
    ),
  },
  { name: 'here', label: t.operations.here, cell: ({ row }) => <Side says={row.here} /> },
  { name: 'at_stripe', label: t.operations.at_stripe, cell: ({ row }) => <Side says={row.at_stripe} /> },
  { name: 'done', label: t.operations.done, cell: ({ row }) => <Done row={row} /> },
];

function DifferenceCard({ row }: { row: Difference }) {
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text fw={600}>{kindText(row.kind)}</Text>
        <Text size="xs" c="dimmed">
          <Moment at={row.found_at} />
        </Text>
      </Group>
      <Text size="xs" className="id">
        {row.entity_id ?? row.stripe_id}
      </Text>
      <Done row={row} />
    </Stack>
  );
}
