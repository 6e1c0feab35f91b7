import { createTheme, type MantineColorsTuple } from '@mantine/core';

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
});
