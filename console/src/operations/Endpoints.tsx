import {
  Badge,
  Button,
  Card,
  Group,
  Loader,
  Modal,
  MultiSelect,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, bodyOf } from '../api/api.ts';
import { ActionDialog } from '../refunds/actions/ActionDialog.tsx';
import { useMay } from '../session/session.ts';
import { Copyable } from '../shell/Copyable.tsx';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { t } from '../texts/texts.ts';
import { type Endpoint, endpointsQuery, eventTypesQuery, secretQuery } from './queries.ts';

/** Where events go, and what can be done about that. */
export function Endpoints() {
  const { data, error, isPending, refetch } = useQuery(endpointsQuery);
  const [adding, setAdding] = useState(false);
  const may = useMay('admin:events');
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" />;
  if (data === undefined) return <ErrorNotice error={error} retry={() => void refetch()} />;
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2} size="h4">
          {t.operations.endpoints}
        </Title>
        {may && <Button onClick={() => setAdding(true)}>{t.operations.add_endpoint}</Button>}
      </Group>
      {data.endpoints.length === 0 && (
        <Empty title={t.operations.no_endpoints} text={t.operations.no_endpoints_text} />
      )}
      {data.endpoints.map((endpoint) => (
        <EndpointCard key={endpoint.endpoint_id} endpoint={endpoint} may={may} />
      ))}
      {adding && <AddEndpoint onClose={() => setAdding(false)} />}
    </Stack>
  );
}

function EndpointCard({ endpoint, may }: { endpoint: Endpoint; may: boolean }) {
  const { endpoint_id, url, event_types, status, disabled_reason, failures } = endpoint;
  const [showing, setShowing] = useState(false);
  const queries = useQueryClient();
  const settled = { onSettled: () => queries.invalidateQueries() };
  const params = { path: { endpoint_id } };
  const trying = useMutation({
    mutationFn: () => bodyOf(api.POST('/v1/admin/event-endpoints/{endpoint_id}/test', { params, body: {} })),
    ...settled,
  });
  const switching = useMutation({
    mutationFn: (next: 'enabled' | 'disabled') =>
      bodyOf(api.POST('/v1/admin/event-endpoints/{endpoint_id}', { params, body: { status: next } })),
    ...settled,
  });
  const isOn = status === 'enabled';
  return (
    <Card withBorder padding="md">
      <Group justify="space-between" align="flex-start">
        <Stack gap={2}>
          <Text fw={600} className="id">
            {url}
          </Text>
          <Text size="sm" c="dimmed" className="id">
            {event_types.join(', ')}
          </Text>
          <Text size="xs" c="dimmed" className="id">
            {endpoint_id}
          </Text>
        </Stack>
        <Stack gap={4} align="flex-end">
          <Badge color={isOn ? 'green' : 'red'} variant="light" autoContrast>
            {t.operations.endpoint_states[status]}
          </Badge>
          {disabled_reason !== null && (
            <Text size="xs">{t.operations.disabled_reasons[disabled_reason] ?? disabled_reason}</Text>
          )}
          {isOn && failures > 0 && (
            <Text size="xs" c="red">
              {t.operations.failing(failures)}
            </Text>
          )}
        </Stack>
      </Group>
      {may && (
        <Group gap="xs" mt="sm">
          {isOn && (
            <Button
              variant="default"
              size="compact-sm"
              loading={trying.isPending}
              onClick={() => trying.mutate()}
            >
              {t.operations.try_it}
            </Button>
          )}
          <Button variant="default" size="compact-sm" onClick={() => setShowing(true)}>
            {t.operations.show_secret}
          </Button>
          <Button
            variant="default"
            size="compact-sm"
            loading={switching.isPending}
            onClick={() => switching.mutate(isOn ? 'disabled' : 'enabled')}
          >
            {isOn ? t.operations.switch_off : t.operations.switch_on}
          </Button>
        </Group>
      )}
      <Text size="sm" role="status">
        {trying.isSuccess && t.operations.tried}
      </Text>
      {trying.isError && <ErrorNotice error={trying.error} />}
      {switching.isError && <ErrorNotice error={switching.error} />}
      {showing && <Secret endpointId={endpoint_id} onClose={() => setShowing(false)} />}
    </Card>
  );
}

function Secret({ endpointId, onClose }: { endpointId: string; onClose: () => void }) {
  const { data, error } = useQuery(secretQuery(endpointId));
  return (
    <Modal
      opened
      onClose={onClose}
      title={t.operations.secret}
      closeButtonProps={{ 'aria-label': t.common.close }}
    >
      <Stack gap="sm">
        <Text size="sm">{t.operations.secret_text}</Text>
        {error !== null && <ErrorNotice error={error} />}
        {data !== undefined && <Copyable value={data.secret} what={t.operations.secret} />}
      </Stack>
    </Modal>
  );
}

function AddEndpoint({ onClose }: { onClose: () => void }) {
  const [url, setUrl] = useState('');
  const [types, setTypes] = useState<string[]>(['*']);
  const { data } = useQuery(eventTypesQuery);
  const names = (data?.event_types ?? []).map(({ event_type }) => event_type);
  const groups = [...new Set(names.map((name) => `${name.split('.', 1)[0]}.*`))];
  return (
    <ActionDialog
      title={t.operations.add_endpoint}
      text={t.operations.add_endpoint_text}
      ready={url.trim() !== '' && types.length > 0}
      act={(key) =>
        bodyOf(
          api.POST('/v1/admin/event-endpoints', {
            body: { url: url.trim(), event_types: types as typeof names },
            headers: { 'Idempotency-Key': key },
          }),
        )
      }
      onClose={onClose}
    >
      <TextInput
        label={t.operations.address}
        placeholder={t.operations.address_placeholder}
        value={url}
        required
        data-autofocus
        onChange={({ currentTarget }) => setUrl(currentTarget.value)}
      />
      <MultiSelect
        label={t.operations.types}
        data={['*', ...groups, ...names]}
        value={types}
        onChange={setTypes}
        required
        searchable
        comboboxProps={{ withinPortal: false }}
      />
    </ActionDialog>
  );
}
