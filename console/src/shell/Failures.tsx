import { Button, Container, Stack, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { RequestFailed } from '../api/error.ts';
import { t } from '../texts/texts.ts';
import { ErrorNotice } from './ErrorNotice.tsx';

/** A page that could not be shown. */
export function Crashed({ error, reset }: { error: unknown; reset: () => void }) {
  if (error instanceof RequestFailed) {
    return (
      <Container size="sm" py="xl">
        <ErrorNotice error={error} retry={reset} />
      </Container>
    );
  }
  return (
    <Container size="sm" py="xl">
      <Stack align="start">
        <Title order={1} size="h2">
          {t.errors.crashed}
        </Title>
        <Text>{t.errors.crashed_text}</Text>
        <Button onClick={() => window.location.reload()}>{t.errors.reload}</Button>
      </Stack>
    </Container>
  );
}

export function Missing() {
  return (
    <Stack align="start" py="xl">
      <Title order={1} size="h2">
        {t.errors.not_found}
      </Title>
      <Text>{t.errors.not_found_text}</Text>
      <Button component={Link} to="/" variant="default">
        {t.navigation.refunds}
      </Button>
    </Stack>
  );
}
