import { Alert, Group, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useMay } from '../session/session.ts';
import { PageLink } from '../shell/links.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { ReplayById } from './Replay.tsx';

interface Props {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** A part of operations, with the way to the others. Whoever may only replay has only that; others are told that it is not theirs. */
export function Room({ title, actions, children }: Props) {
  const maySee = useMay('admin:operations.read');
  const mayReplay = useMay('admin:webhooks', 'admin:operations');
  if (!maySee) {
    return (
      <Page title={t.operations.title}>
        {mayReplay ? (
          <ReplayById />
        ) : (
          <Alert color="red" variant="light" title={t.errors.forbidden} role="alert">
            <Text size="sm">{t.errors.forbidden_text}</Text>
          </Alert>
        )}
      </Page>
    );
  }
  return (
    <Page title={title} actions={actions}>
      <Group component="nav" gap="lg" aria-label={t.operations.rooms} className="rooms">
        <PageLink to="/operations" activeOptions={{ exact: true }}>
          {t.operations.overview}
        </PageLink>
        <PageLink to="/operations/events" activeOptions={{ includeSearch: false }}>
          {t.operations.events}
        </PageLink>
        <PageLink to="/operations/reconciliations">{t.operations.runs}</PageLink>
        <PageLink
          to="/operations/differences"
          search={{ open: true }}
          activeOptions={{ includeSearch: false }}
        >
          {t.operations.differences}
        </PageLink>
      </Group>
      {children}
    </Page>
  );
}
