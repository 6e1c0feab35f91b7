import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { ErrorNotice } from '../../shell/ErrorNotice.tsx';
import { t } from '../../texts/texts.ts';

interface Props {
  title: string;
  text: string;
  color?: string;
  /** Whether what has to be filled in is. */
  ready?: boolean;
  /** Does it, under a key that is this dialog's: a second click, or a lost answer, does nothing twice. */
  act: (key: string) => Promise<unknown>;
  onClose: () => void;
  children?: ReactNode;
}

/** Asks whether something is to be done to a refund, does it, and says in place where that failed. */
export function ActionDialog({ title, text, color, ready = true, act, onClose, children }: Props) {
  const queries = useQueryClient();
  const [key] = useState(() => crypto.randomUUID());
  const acting = useMutation({
    mutationFn: () => act(key),
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries(),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !acting.isPending) acting.mutate();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      closeOnClickOutside={false}
      closeOnEscape={!acting.isPending}
      withCloseButton={!acting.isPending}
      closeButtonProps={{ 'aria-label': t.common.close }}
      title={title}
    >
      <form onSubmit={submit}>
        <Stack gap="md">
          <Text size="sm">{text}</Text>
          {children}
          {acting.isError && <ErrorNotice error={acting.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose} disabled={acting.isPending}>
              {t.common.back}
            </Button>
            <Button type="submit" color={color} loading={acting.isPending} disabled={!ready}>
              {title}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
