import { createInterface } from 'node:readline/promises';

/**
 * Asks whoever is at the terminal.
 *
 * @param yes they have said so beforehand
 * @returns undefined where nobody is there to be asked
 */
async function ask(question: string, yes: boolean): Promise<boolean | undefined> {
  if (yes) return true;
  if (process.stdin.isTTY !== true) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Asks before something is done; says what it means that nothing is. The exit code where it is not. */
export async function confirm(question: string, yes: boolean): Promise<undefined | 0 | 2> {
  const answer = await ask(question, yes);
  if (answer === true) return undefined;
  if (answer === false) {
    process.stderr.write('Nothing was done.\n');
    return 0;
  }
  process.stderr.write(`${question}\nNobody can be asked here, so say --yes.\n`);
  return 2;
}
