import { Alert, Button, Group, Modal, Paper, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { t } from '../texts/texts.ts';
import { EventStatusBadge } from './EventStatusBadge.tsx';
import { replay } from './queries.ts';

interface Props {
  event_id: string;
  /** Where nobody has to say first that they want to. */
  asked?: boolean;
  onClose: () => void;
}

/** Has Stripe asked again about an event, after one has said yes, and says what came of it. */
export function Replay({ event_id, asked = false, onClose }: Props) {
  const queries = useQueryClient();
  const [wanted, setWanted] = useState(asked);
  const replaying = useMutation({
    mutationFn: () => replay(event_id),
    onSettled: () => queries.invalidateQueries(),
  });
  const { data: done, isPending } = replaying;
  return (
    <Stack gap="md">
      {wanted && done === undefined && <Text size="sm">{t.operations.replay_text}</Text>}
      <div role="status">
        {done !== undefined && (
          <Alert color="gray">
            <Group gap="sm">
              <EventStatusBadge status={done.status} />
              <Text size="sm">{t.operations.replayed[done.status]}</Text>
            </Group>
          </Alert>
        )}
      </div>
      {replaying.isError && <ErrorNotice error={replaying.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose} disabled={isPending}>
          {t.common.close}
        </Button>
        {wanted ? (
          <Button loading={isPending} onClick={() => replaying.mutate()}>
            {done === undefined ? t.operations.replay_now : t.operations.replay_again}
          </Button>
        ) : (
          <Button onClick={() => setWanted(true)}>{t.operations.replay}</Button>
        )}
      </Group>
    </Stack>
  );
}

/** Replays an event that is not in sight, by an id that somebody has from Stripe's dashboard or a log. */
export function ReplayById() {
  const [id, setId] = useState('');
  const [asked, setAsked] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (id.trim() !== '') setAsked(id.trim());
  };
  return (
    <Paper withBorder radius="md" p="lg">
      <form onSubmit={submit}>
        <Title order={2} size="h4" mb="sm">
          {t.operations.replay_by_id}
        </Title>
        <Group align="end" gap="sm">
          <TextInput
            label={t.operations.replay_id}
            description={t.operations.replay_id_text}
            value={id}
            onChange={({ currentTarget }) => setId(currentTarget.value)}
            w={320}
            maw="100%"
          />
          <Button type="submit" variant="default" disabled={id.trim() === ''}>
            {t.operations.replay}
          </Button>
        </Group>
      </form>
      {asked !== undefined && (
        <Modal
          opened
          onClose={() => setAsked(undefined)}
          closeOnClickOutside={false}
          closeButtonProps={{ 'aria-label': t.common.close }}
          title={t.operations.replay_of(asked)}
        >
          <Replay event_id={asked} asked onClose={() => setAsked(undefined)} />
        </Modal>
      )}
    </Paper>
  );
}
