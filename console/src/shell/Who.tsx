import { Menu, Text, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { signOut, useSession } from '../session/session.ts';
import { t } from '../texts/texts.ts';

/** Who is signed in, as whom for which brand; how it looks; the way out. */
export function Who() {
  const { actor_id, name, brand_id } = useSession();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton aria-label={t.session.signed_in_as(name ?? actor_id)}>
          <Text size="sm" fw={500} truncate maw={180}>
            {name ?? actor_id}
          </Text>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t.session.brand(brand_id)}</Menu.Label>
        <Menu.Divider />
        <Menu.Label>{t.appearance.label}</Menu.Label>
        {(['light', 'dark', 'auto'] as const).map((scheme) => (
          <Menu.Item
            key={scheme}
            role="menuitemradio"
            aria-checked={colorScheme === scheme}
            onClick={() => setColorScheme(scheme)}
            rightSection={colorScheme === scheme ? '✓' : undefined}
          >
            {t.appearance[scheme]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => void signOut()}>{t.session.sign_out}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
