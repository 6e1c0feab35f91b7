import { Alert, Button, Group, Text } from '@mantine/core';
import { RequestFailed } from '../api/error.ts';
import { signInAddress } from '../session/session.ts';
import { t } from '../texts/texts.ts';

/** What went wrong, in the service's own sentence, with the number by which its log knows it; or that it wants a fresh sign-in. */
export function ErrorNotice({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const failure = error instanceof RequestFailed ? error : undefined;
  if (failure?.code === 'insufficient_user_authentication') {
    return (
      <Alert color="orange" title={t.session.again} role="alert">
        <Text size="sm">{t.session.again_text}</Text>
        <Button mt="sm" size="xs" component="a" href={signInAddress({ again: true })}>
          {t.session.again}
        </Button>
      </Alert>
    );
  }
  return (
    <Alert color="red" variant="light" title={titleOf(failure)} role="alert">
      <Text size="sm">{failure?.message ?? t.errors.crashed_text}</Text>
      <Group mt="sm" gap="md">
        {retry !== undefined && (
          <Button size="xs" variant="default" onClick={retry}>
            {t.errors.again}
          </Button>
        )}
        {failure?.request_id !== undefined && (
          <Text size="xs" c="dimmed">
            {t.errors.request_id} <span className="id">{failure.request_id}</span>
          </Text>
        )}
      </Group>
    </Alert>
  );
}

function titleOf(failure: RequestFailed | undefined): string {
  if (failure === undefined) return t.errors.crashed;
  if (failure.status === 403) return t.errors.forbidden;
  if (failure.status === 404) return t.errors.not_found;
  return t.errors.title;
}
