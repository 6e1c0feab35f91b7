import { Anchor, type AnchorProps } from '@mantine/core';
import { createLink, type LinkComponent } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

type Props = AnchorProps &
  Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof AnchorProps> & { ref?: Ref<HTMLAnchorElement> };

const RoutedAnchor = createLink((props: Props) => <Anchor {...props} />);

/** A link to a page of the console, typed by what that page takes. */
export const PageLink: LinkComponent<typeof RoutedAnchor> = (props) => (
  <RoutedAnchor preload="intent" {...props} />
);
