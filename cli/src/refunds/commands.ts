import type { Command } from 'commander';
import { addDecisionCommands } from './decide.ts';
import { addExportCommand } from './export.ts';
import { addImportCommand } from './import.ts';
import { addIssueCommand } from './issue.ts';
import { addListCommand } from './list.ts';
import { addShowCommand } from './show.ts';

/** `payments refunds …`: what a desk does, from a terminal. */
export function addRefundCommands(program: Command): void {
  const refunds = program
    .command('refunds')
    .description('List, show, issue, decide about, export and import refunds.');
  addListCommand(refunds);
  addShowCommand(refunds);
  addIssueCommand(refunds);
  addDecisionCommands(refunds);
  addExportCommand(refunds);
  addImportCommand(refunds);
}
