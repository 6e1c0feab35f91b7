import { Stack } from '@mantine/core';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import { t } from '../texts/texts.ts';
import { Deliveries } from './Deliveries.tsx';
import { Endpoints } from './Endpoints.tsx';

/** What other services are told: where events go, and what became of them. */
export function Sent() {
  if (!useMay('admin:events.read'))
    return <Empty title={t.operations.no_endpoints} text={t.errors.forbidden} />;
  return (
    <Stack gap="xl">
      <Endpoints />
      <Deliveries />
    </Stack>
  );
}
