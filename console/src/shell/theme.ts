import {
  type CSSVariablesResolver,
  createTheme,
  Loader,
  type MantineColorsTuple,
  Modal,
} from '@mantine/core';

/** A deep teal: calm for those who look at it all day, far from the red, amber and green that statuses have. */
const TEAL: MantineColorsTuple = [
  '#e6f6f6',
  '#d2ebeb',
  '#a6d6d6',
  '#76c0c0',
  '#50adae',
  '#39a2a3',
  '#2a8a8c',
  '#1b7577',
  '#0d6365',
  '#034f51',
];

export const theme = createTheme({
  primaryColor: 'teal',
  // The shades that give text on them and text in them a contrast of 4.5:1 (WCAG 2.2, 1.4.3).
  primaryShade: { light: 8, dark: 7 },
  colors: { teal: TEAL },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: '600' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  autoContrast: true,
  components: {
    // What turns says so to those who hear it; a name without a role would be none.
    Loader: Loader.extend({ defaultProps: { role: 'status' } }),
    // A dialog's head is no banner of the page.
    Modal: Modal.extend({ defaultProps: { attributes: { header: { role: 'presentation' } } } }),
  },
});

/** The colours in which something is said on a light ground of the same colour. */
const SPOKEN = ['gray', 'red', 'orange', 'green', 'blue', 'violet', 'teal'];
const darker = Object.fromEntries(
  SPOKEN.flatMap((color) =>
    ['light-color', 'text'].map((use) => [
      `--mantine-color-${color}-${use}`,
      `color-mix(in srgb, var(--mantine-color-${color}-9), black 30%)`,
    ]),
  ),
);

/** Mantine's dimmed text has a contrast of 3.3:1, its green on light green 3.8:1; WCAG 2.2 (1.4.3) wants 4.5:1. */
export const readable: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...darker,
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    '--mantine-color-anchor': 'var(--mantine-color-teal-8)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
  },
  dark: {
    '--mantine-color-dimmed': 'var(--mantine-color-dark-1)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-1)',
    '--mantine-color-anchor': 'var(--mantine-color-teal-3)',
  },
});
