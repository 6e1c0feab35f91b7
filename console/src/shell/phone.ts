/** Where a table's columns no longer fit beside one another. */
export const PHONE = '(max-width: 48em)';
