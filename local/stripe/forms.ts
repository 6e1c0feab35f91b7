import qs from 'qs';
import { invalidParameter, notImplemented } from './errors.ts';
import type { Range } from './store.ts';

/** What a form or a query string holds after its brackets are read: strings, lists and maps of them. */
type FormValue = string | FormValue[] | { [name: string]: FormValue };
export type Form = { [name: string]: FormValue };

/** Reads Stripe's encoding: `metadata[order]=1`, `expand[]=charge`, `enabled_events[0]=*`. */
export function parseForm(text: string): Form {
  return qs.parse(text, {
    depth: 10,
    arrayLimit: 1000,
    parameterLimit: 5000,
    allowEmptyArrays: false,
  }) as Form;
}

type Path = { method: string; path: string };

/**
 * A route's parameters, read one by one. Reading marks a parameter as known; `done()` refuses what nobody read, as Stripe does
 * with `parameter_unknown`, and answers 501 for what Stripe knows and the stand-in does not (`unsupported`).
 */
export type Params = {
  string(name: string): string | undefined;
  /** A string where an empty one means: unset (null). */
  unsettable(name: string): string | null | undefined;
  integer(name: string, limits?: { min?: number; max?: number }): number | undefined;
  boolean(name: string): boolean | undefined;
  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined;
  list(name: string): string[] | undefined;
  /** The parameters under `name[...]`. */
  map(name: string): Params | undefined;
  /** Metadata to set; null values unset a key, `null` unsets all. */
  metadata(): Record<string, string | null> | null | undefined;
  range(name: string): Range;
  has(name: string): boolean;
  names(): string[];
  done(unsupported?: readonly string[]): void;
};

const full = (prefix: string, name: string) => (prefix === '' ? name : `${prefix}[${name}]`);

export const missing = (param: string) =>
  invalidParameter(`Missing required param: ${param}.`, { code: 'parameter_missing', param });

const emptied = (param: string) =>
  invalidParameter(
    `You passed an empty string for '${param}'. We assume empty values are an attempt to unset a parameter; however '${param}' cannot be unset. You should remove '${param}' from your request or supply a non-empty value.`,
    { code: 'parameter_invalid_empty', param },
  );

function asInteger(text: string, param: string, limits: { min?: number; max?: number } = {}): number {
  if (!/^-?\d{1,15}$/.test(text))
    throw invalidParameter(`Invalid integer: ${text}`, { code: 'parameter_invalid_integer', param });
  const value = Number(text);
  if (limits.min !== undefined && value < limits.min)
    throw invalidParameter(`This value must be greater than or equal to ${limits.min}.`, {
      code: 'parameter_invalid_integer',
      param,
    });
  if (limits.max !== undefined && value > limits.max)
    throw invalidParameter(`This value must be less than or equal to ${limits.max}.`, {
      code: 'parameter_invalid_integer',
      param,
    });
  return value;
}

function readMetadata(value: FormValue): Record<string, string | null> | null {
  if (value === '') return null;
  if (typeof value === 'string' || Array.isArray(value))
    throw invalidParameter('Invalid object', { param: 'metadata' });
  const entries = Object.entries(value);
  if (entries.length > 50)
    throw invalidParameter(
      `You can only have 50 metadata keys, but you passed in ${entries.length}. Consolidate your metadata into fewer keys.`,
      { param: 'metadata' },
    );
  const out: Record<string, string | null> = {};
  for (const [key, text] of entries) {
    const param = `metadata[${key}]`;
    if (typeof text !== 'string') throw invalidParameter('Metadata values must be strings.', { param });
    if (key.length > 40)
      throw invalidParameter(
        `Metadata keys can have up to 40 characters, but you passed in a key that is ${key.length} characters. Invalid key: ${key}`,
        { param },
      );
    if (text.length > 500)
      throw invalidParameter(
        `Metadata values can have up to 500 characters, but you passed in a value that is ${text.length} characters. Invalid value: ${text}`,
        { param },
      );
    out[key] = text === '' ? null : text;
  }
  return out;
}

export function readParams(form: Form, route: Path, prefix = ''): Params {
  const read = new Set<string>();
  const children: { params: Params; name: string }[] = [];
  const take = (name: string): FormValue | undefined => {
    read.add(name);
    return Object.hasOwn(form, name) ? form[name] : undefined;
  };
  const text = (name: string): string | undefined => {
    const value = take(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw invalidParameter('Invalid string', { param: full(prefix, name) });
    return value;
  };
  const nonEmpty = (name: string): string | undefined => {
    const value = text(name);
    if (value === '') throw emptied(full(prefix, name));
    return value;
  };

  const params: Params = {
    string: nonEmpty,
    unsettable: (name) => {
      const value = text(name);
      return value === '' ? null : value;
    },
    integer: (name, limits) => {
      const value = nonEmpty(name);
      return value === undefined ? undefined : asInteger(value, full(prefix, name), limits);
    },
    boolean: (name) => {
      const value = nonEmpty(name);
      if (value === undefined) return undefined;
      if (value === 'true') return true;
      if (value === 'false') return false;
      throw invalidParameter(`Invalid boolean: ${value}`, { param: full(prefix, name) });
    },
    oneOf: (name, values) => {
      const value = nonEmpty(name);
      if (value === undefined) return undefined;
      const found = values.find((one) => one === value);
      if (found === undefined)
        throw invalidParameter(`Invalid ${full(prefix, name)}: must be one of ${sentence(values)}`, {
          param: full(prefix, name),
        });
      return found;
    },
    list: (name) => {
      const value = take(name);
      if (value === undefined || value === '') return value === undefined ? undefined : [];
      const items = Array.isArray(value)
        ? value
        : typeof value === 'object'
          ? Object.values(value)
          : undefined;
      if (items === undefined || items.some((item) => typeof item !== 'string'))
        throw invalidParameter('Invalid array', { param: full(prefix, name) });
      return items as string[];
    },
    map: (name) => {
      const value = take(name);
      if (value === undefined) return undefined;
      if (typeof value === 'string' || Array.isArray(value))
        throw invalidParameter('Invalid object', { param: full(prefix, name) });
      const child = readParams(value, route, full(prefix, name));
      children.push({ params: child, name });
      return child;
    },
    metadata: () => {
      const value = take('metadata');
      return value === undefined ? undefined : readMetadata(value);
    },
    range: (name) => {
      const value = take(name);
      if (value === undefined) return {};
      const param = full(prefix, name);
      if (typeof value === 'string') {
        const at = asInteger(value, param);
        return { gte: at, lte: at };
      }
      if (Array.isArray(value)) throw invalidParameter('Invalid object', { param });
      const range: Range = {};
      for (const [operator, bound] of Object.entries(value)) {
        if (operator !== 'gt' && operator !== 'gte' && operator !== 'lt' && operator !== 'lte')
          throw invalidParameter(`Received unknown parameter: ${param}[${operator}]`, {
            code: 'parameter_unknown',
            param: `${param}[${operator}]`,
          });
        if (typeof bound !== 'string')
          throw invalidParameter('Invalid timestamp', { param: `${param}[${operator}]` });
        range[operator] = asInteger(bound, `${param}[${operator}]`);
      }
      return range;
    },
    has: (name) => Object.hasOwn(form, name),
    names: () => Object.keys(form),
    done: (unsupported = []) => {
      for (const name of Object.keys(form)) {
        if (read.has(name)) continue;
        const param = full(prefix, name);
        if (unsupported.includes(name))
          throw notImplemented(route.method, route.path, `the parameter ${param}`);
        throw invalidParameter(`Received unknown parameter: ${param}`, { code: 'parameter_unknown', param });
      }
      for (const child of children) child.params.done();
    },
  };
  return params;
}

function sentence(values: readonly string[]): string {
  if (values.length < 2) return values.join('');
  if (values.length === 2) return values.join(' or ');
  return `${values.slice(0, -1).join(', ')}, or ${values.at(-1)}`;
}

/** Metadata after a change: keys set, keys unset by null, everything unset by `null` itself. */
export function mergeMetadata(
  current: Record<string, string> | null,
  change: Record<string, string | null> | null | undefined,
): Record<string, string> {
  if (change === undefined) return current ?? {};
  if (change === null) return {};
  const merged = { ...current };
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}
