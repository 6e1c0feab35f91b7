import { AppShell, Burger, Group, Loader, NavLink, Stack, Text } from '@mantine/core';
import { useDisclosure, useNetwork } from '@mantine/hooks';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Suspense } from 'react';
import { Search } from '../search/Search.tsx';
import { covers, useMay, useSession } from '../session/session.ts';
import { t } from '../texts/texts.ts';
import { IconRefund } from './icons.tsx';
import { PAGES } from './navigation.tsx';
import { Who } from './Who.tsx';

/** What is around every page: where one can go, who one is. */
export function Shell() {
  const [opened, { toggle, close }] = useDisclosure();
  const { scopes } = useSession();
  const mayFind = useMay('admin:refunds.read', 'admin:payments.read', 'admin:disputes.read');
  const { online } = useNetwork();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'md', md: 'xl' }}
    >
      <a className="skip" href="#page">
        {t.navigation.skip}
      </a>
      <AppShell.Header px="md">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={opened ? t.navigation.close : t.navigation.open}
            />
            <Text component={Link} to="/" fw={700} c="teal" className="brand">
              <IconRefund /> {t.name}
            </Text>
          </Group>
          <Group gap="sm" wrap="nowrap">
            {mayFind && <Search />}
            <Who />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" component="nav" aria-label={t.navigation.label}>
        <Stack gap={4}>
          {PAGES.filter(({ scopes: any }) => any.some((scope) => covers(scopes, scope))).map(
            ({ to, label, icon: PageIcon }) => (
              <NavLink
                key={to}
                component={Link}
                to={to}
                label={label}
                leftSection={<PageIcon />}
                active={path.startsWith(to)}
                aria-current={path.startsWith(to) ? 'page' : undefined}
                onClick={close}
              />
            ),
          )}
        </Stack>
      </AppShell.Navbar>
      <AppShell.Main id="page" tabIndex={-1}>
        {!online && (
          <Text role="status" size="sm" mb="md" c="orange">
            {t.errors.offline}
          </Text>
        )}
        <Suspense fallback={<Loader aria-label={t.common.loading} />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
    </AppShell>
  );
}
