/** Under which name this tab keeps the payments that were selected to be refunded in bulk: their ids. */
export const SELECTION = 'bulk-selection';
