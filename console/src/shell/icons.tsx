import type { ReactNode } from 'react';

/** Icons say nothing by themselves: what they stand for is in the name of the button or the text beside them. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      width="1.15em"
      height="1.15em"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

export const IconCopy = () => (
  <Icon>
    <rect x="8" y="8" width="12" height="12" rx="2" />
    <path d="M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2" />
  </Icon>
);
export const IconCheck = () => (
  <Icon>
    <path d="M5 12.5l4.500 4.500L19 7.500" />
  </Icon>
);
export const IconRefund = () => (
  <Icon>
    <path d="M4 13a8 8 0 1 0 2.500-5.800" />
    <path d="M4 4.500V9h4.500" />
  </Icon>
);
export const IconCard = () => (
  <Icon>
    <rect x="3" y="5.500" width="18" height="13" rx="2.500" />
    <path d="M3 10h18M7 15h3" />
  </Icon>
);
export const IconApprove = () => (
  <Icon>
    <path d="M9 11.500l2.500 2.500L20 5.500" />
    <path d="M20 12v5.500a2.500 2.500 0 0 1-2.500 2.500h-11A2.500 2.500 0 0 1 4 17.500v-11A2.500 2.500 0 0 1 6.500 4H14" />
  </Icon>
);
export const IconChart = () => (
  <Icon>
    <path d="M4 20V4M4 20h16M8.500 16v-4M13 16V8M17.500 16v-6" />
  </Icon>
);
export const IconLog = () => (
  <Icon>
    <path d="M7 4h10a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Z" />
    <path d="M9 9h6M9 12.500h6M9 16h3" />
  </Icon>
);
export const IconSearch = () => (
  <Icon>
    <circle cx="11" cy="11" r="6.500" />
    <path d="m16 16 4.500 4.500" />
  </Icon>
);
export const IconStack = () => (
  <Icon>
    <path d="M12 4 3.500 8.500 12 13l8.500-4.500L12 4Z" />
    <path d="M3.500 12.500 12 17l8.500-4.500M3.500 16.500 12 21l8.500-4.500" />
  </Icon>
);
export const IconPulse = () => (
  <Icon>
    <path d="M3 12h4l2.500-7 5 14 2.500-7h4" />
  </Icon>
);
