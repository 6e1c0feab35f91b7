/** Texts that an address says, by these names. */
export function readTexts<Name extends string>(
  search: Record<string, unknown>,
  names: readonly Name[],
): { [N in Name]?: string } {
  const texts: { [N in Name]?: string } = {};
  for (const name of names) {
    const value = search[name];
    if ((typeof value === 'string' || typeof value === 'number') && value !== '') texts[name] = String(value);
  }
  return texts;
}

/** Moments that an address says, as far as they are any; in UTC. */
export function readMoments<Name extends string>(
  search: Record<string, unknown>,
  names: readonly Name[],
): { [N in Name]?: string } {
  const moments: { [N in Name]?: string } = {};
  for (const name of names) {
    const value = search[name];
    if (typeof value === 'string' && !Number.isNaN(Date.parse(value)))
      moments[name] = new Date(value).toISOString();
  }
  return moments;
}

/** A currency that an address says: `{currency}`, or nothing. */
export const readCurrency = ({ currency }: Record<string, unknown>): { currency?: string } =>
  typeof currency === 'string' && /^[a-z]{3}$/.test(currency) ? { currency } : {};
