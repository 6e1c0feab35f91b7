import {
  Alert,
  Button,
  FileInput,
  Group,
  List,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useSessionStorage } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api, bodyOf } from '../api/api.ts';
import { reasonsQuery } from '../refunds/queries.ts';
import { reasonText } from '../refunds/reason.ts';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { type BatchRow, readRows } from './rows.ts';
import { SELECTION } from './selection.ts';

const PROBLEMS_SHOWN = 10;

/** Takes rows from a CSV or from payments that were selected, and has them checked; nothing is sent by that. */
export function NewBatch() {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { data: reasons = [] } = useQuery(reasonsQuery);
  const [selected, , forget] = useSessionStorage<string[]>({ key: SELECTION, defaultValue: [] });
  const [name, setName] = useState('');
  const [text, setText] = useState('');
  const [reason, setReason] = useState<string>();
  const [key] = useState(() => crypto.randomUUID());
  const fromSelection = selected.length > 0 && text === '';
  const read = text === '' ? undefined : readRows(text, reason);
  const rows: readonly BatchRow[] = fromSelection
    ? reason === undefined
      ? []
      : selected.map((payment_id) => ({ payment_id, reason }))
    : (read?.rows ?? []);
  const ready = rows.length > 0 && (read === undefined || read.problems.length === 0);

  const create = useMutation({
    mutationFn: () =>
      bodyOf(
        api.POST('/v1/admin/refund-batches', {
          body: { ...(name.trim() === '' ? {} : { name: name.trim() }), rows: [...rows] },
          headers: { 'Idempotency-Key': key },
        }),
      ),
    onSuccess: ({ batch_id }) => {
      forget();
      void queries.invalidateQueries({ queryKey: ['batches'] });
      void navigate({ to: '/bulk/$batch_id', params: { batch_id } });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !create.isPending) create.mutate();
  };
  return (
    <Page title={t.bulk.new_title}>
      <form onSubmit={submit}>
        <Stack gap="md" maw={720}>
          <TextInput
            label={t.bulk.name}
            description={t.bulk.name_text}
            value={name}
            maxLength={200}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          {fromSelection && <Alert color="teal">{t.bulk.from_selection(selected.length)}</Alert>}
          <FileInput
            label={t.bulk.file}
            description={t.bulk.file_text}
            placeholder={t.bulk.file_pick}
            accept=".csv,text/csv,text/plain"
            clearable
            clearButtonProps={{ 'aria-label': t.common.cancel }}
            onChange={(file) => void (file === null ? setText('') : file.text().then(setText))}
          />
          <Textarea
            label={t.bulk.or_paste}
            placeholder={t.bulk.example}
            value={text}
            autosize
            minRows={4}
            maxRows={12}
            spellCheck={false}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
          />
          <Select
            label={t.bulk.reason}
            placeholder={t.issue.reason_pick}
            data={reasons.map(({ code }) => ({ value: code, label: reasonText(code) }))}
            value={reason ?? null}
            clearable
            onChange={(code) => setReason(code ?? undefined)}
          />
          <div role="status">
            {read !== undefined && read.unknown.length > 0 && (
              <Text size="sm" c="dimmed">
                {t.bulk.unknown_columns(read.unknown.join(', '))}
              </Text>
            )}
            {read !== undefined && read.problems.length > 0 && (
              <Alert color="red" title={t.errors.title}>
                <List size="sm">
                  {read.problems.slice(0, PROBLEMS_SHOWN).map((problem) => (
                    <List.Item key={problem}>{problem}</List.Item>
                  ))}
                </List>
                {read.problems.length > PROBLEMS_SHOWN && '…'}
              </Alert>
            )}
            {ready && <Text size="sm">{t.bulk.rows(rows.length)}</Text>}
          </div>
          {create.isError && <ErrorNotice error={create.error} />}
          <Group justify="space-between">
            <Text size="sm" c="dimmed">
              {t.bulk.nothing_sent}
            </Text>
            <Button type="submit" disabled={!ready} loading={create.isPending}>
              {t.bulk.check}
            </Button>
          </Group>
        </Stack>
      </form>
    </Page>
  );
}
