import { ActionIcon, CopyButton, Group, Tooltip } from '@mantine/core';
import { t } from '../texts/texts.ts';
import { IconCheck, IconCopy } from './icons.tsx';

interface Props {
  value: string;
  /** What it is, for those who hear what the button copies. */
  what: string;
  /** A sentence, not an id. */
  text?: boolean;
}

/** Something to be read out or pasted elsewhere: an id, a bank reference, a sentence. */
export function Copyable({ value, what, text = false }: Props) {
  return (
    <Group gap={4} wrap="nowrap" component="span" display="inline-flex">
      <span className={text ? undefined : 'id'}>{value}</span>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? t.common.copied : t.common.copy_what(what)}>
            <ActionIcon
              size="sm"
              variant="subtle"
              color="gray"
              onClick={copy}
              aria-label={copied ? t.common.copied : t.common.copy_what(what)}
            >
              {copied ? <IconCheck /> : <IconCopy />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}
