import {
  Anchor,
  Button,
  Group,
  type MantineColorScheme,
  Popover,
  SegmentedControl,
  Stack,
  Text,
  UnstyledButton,
  useMantineColorScheme,
} from '@mantine/core';
import { signOut, useSession } from '../session/session.ts';
import { t } from '../texts/texts.ts';

const SCHEMES = ['light', 'dark', 'auto'] as const;

/** Who is signed in, as whom for which brand; how it looks; the way out. */
export function Who() {
  const { actor_id, name, brand_id } = useSession();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Popover position="bottom-end" width={280} trapFocus returnFocus>
      <Popover.Target>
        <UnstyledButton aria-label={t.session.signed_in_as(name ?? actor_id)}>
          <Text size="sm" fw={500} truncate maw={180}>
            {name ?? actor_id}
          </Text>
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="md">
          <Group justify="space-between" wrap="nowrap">
            <Text size="sm" c="dimmed" truncate>
              {t.session.brand(brand_id)}
            </Text>
            <Anchor href="/docs/guides/console" size="sm">
              {t.session.documentation}
            </Anchor>
          </Group>
          <SegmentedControl
            aria-label={t.appearance.label}
            fullWidth
            size="xs"
            data={SCHEMES.map((scheme) => ({ value: scheme, label: t.appearance[scheme] }))}
            value={colorScheme}
            onChange={(scheme) => setColorScheme(scheme as MantineColorScheme)}
          />
          <Button variant="default" onClick={() => void signOut()}>
            {t.session.sign_out}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
