/** Says what is being done and how long it took, a line each. */
export function createSteps(write: (line: string) => void = (line) => process.stdout.write(line)) {
  return {
    async run<T>(name: string, work: () => Promise<T>): Promise<T> {
      const start = performance.now();
      const result = await work();
      write(`  ✓ ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
      return result;
    },
  };
}
