import { Button, Center, Modal, Stack, Text, Title } from '@mantine/core';
import { useSuspenseQuery } from '@tanstack/react-query';
import { type ReactNode, useRef } from 'react';
import { IconRefund } from '../shell/icons.tsx';
import { t } from '../texts/texts.ts';
import { type Session, SessionProvider, sessionQuery, signInAddress } from './session.ts';

/**
 * What is for those who are signed in. Who has been is left where they are when their session ends: what they were looking at and typing stays,
 * behind a word that they have to sign in again.
 */
export function SignedIn({ children }: { children: ReactNode }) {
  const { data: session } = useSuspenseQuery(sessionQuery);
  const last = useRef<Session | null>(session);
  if (session !== null) last.current = session;
  if (last.current === null) return <SignIn />;
  return (
    <SessionProvider value={last.current}>
      {children}
      <Modal
        opened={session === null}
        onClose={() => {}}
        withCloseButton={false}
        closeOnEscape={false}
        closeOnClickOutside={false}
        title={t.session.ended}
        zIndex={1_000}
        centered
      >
        <Stack>
          <Text size="sm">{t.session.ended_text}</Text>
          <Button component="a" href={signInAddress()} data-autofocus>
            {t.session.again}
          </Button>
        </Stack>
      </Modal>
    </SessionProvider>
  );
}

function SignIn() {
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack align="center" gap="md" maw={360}>
        <Text size="40px" c="teal" lh={1}>
          <IconRefund />
        </Text>
        <Title order={1} size="h2">
          {t.session.welcome}
        </Title>
        <Text c="dimmed" ta="center">
          {t.session.welcome_text}
        </Text>
        <Button component="a" href={signInAddress()} size="md" mt="sm">
          {t.session.sign_in}
        </Button>
      </Stack>
    </Center>
  );
}
