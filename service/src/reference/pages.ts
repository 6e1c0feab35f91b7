interface Response {
  description?: string;
  content?: Record<string, { schema?: object; example?: unknown }>;
}
interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Schema }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: object; example?: unknown }> };
  responses: Record<string, Response>;
  'x-codeSamples': { source: string }[];
}
interface Schema {
  type?: string | string[];
  enum?: unknown[];
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  default?: unknown;
}

/** A page of the reference: the file's name in `docs/reference/`, and what is in it. */
export interface Page {
  file: string;
  markdown: string;
}

/** The reference as Markdown, a page for each operation, with all that the page of the API reference shows: made of the document that is served. */
export function writePages(openApi: string): Page[] {
  const { paths } = JSON.parse(openApi) as { paths: Record<string, Record<string, Operation>> };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const pages = operations.map(({ name, operation }) => ({
    file: `${operation.operationId}.md`,
    markdown: writePage(name, operation),
  }));
  return [{ file: 'README.md', markdown: writeIndex(operations) }, ...pages];
}

const MADE =
  'Made by `npm run openapi` from the document that the service serves; a test fails where it says anything else.';

function writeIndex(operations: { name: string; operation: Operation }[]): string {
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? ''))];
  const sections = tags.map((tag) => {
    const rows = operations
      .filter(({ operation }) => operation.tags?.[0] === tag)
      .map(({ name, operation }) => `| [\`${name}\`](${operation.operationId}.md) | ${operation.summary} |`);
    return `## ${tag}\n\n| operation | |\n|---|---|\n${rows.join('\n')}\n`;
  });
  return `# API reference\n\n${MADE} To try things out: \`/reference\` of a running service. Events: [asyncapi.json](../../asyncapi.json).\n\n${sections.join('\n')}`;
}

function writePage(name: string, operation: Operation): string {
  const {
    operationId,
    summary,
    description = '',
    security = [],
    parameters = [],
    requestBody,
    responses,
  } = operation;
  const scopes = security.map((entry) => `\`${Object.values(entry).flat().join(' ')}\``).join(' or ');
  const places = [
    ['path', 'Path parameters'],
    ['query', 'Query parameters'],
    ['header', 'Headers'],
  ] as const;
  return [
    `# ${name}`,
    `${summary}.\n\nService: payments · operationId: \`${operationId}\``,
    description.replace(/\n\nRequired scopes?: .*$/s, ''),
    `## Required scopes\n\n${scopes === '' ? 'None: it is open to all.' : scopes}`,
    ...places.map(([place, title]) =>
      writeParameters(
        title,
        parameters.filter((one) => one.in === place),
      ),
    ),
    ...(requestBody === undefined ? [] : [writeBody(requestBody)]),
    '## Responses',
    ...Object.entries(responses).map(([status, response]) => writeResponse(status, response)),
    `## Example\n\nBeside a world that \`npm start\` has brought up:\n\n${fence('sh', operation['x-codeSamples'][0]?.source ?? '')}`,
    `---\n\n${MADE}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function writeParameters(title: string, parameters: NonNullable<Operation['parameters']>): string {
  if (parameters.length === 0) return '';
  const rows = parameters.map(
    ({ name, schema, required, description = '' }) =>
      `- \`${name}\` (${describeSchema(schema)}${required === true ? ', required' : ''}): ${description}`,
  );
  return `## ${title}\n\n${rows.join('\n')}`;
}

/** Its type, and what bounds it. */
function describeSchema({
  type,
  enum: values,
  format,
  minimum,
  maximum,
  minLength,
  maxLength,
  default: fallback,
}: Schema): string {
  const range = (word: string, from: number | undefined, to: number | undefined) =>
    from === undefined && to === undefined ? [] : [`${word}${from ?? 0} to ${to ?? '∞'}`];
  return [
    values === undefined
      ? [type ?? 'any'].flat().join(' or ')
      : values.map((value) => `\`${value}\``).join(', '),
    ...(format === undefined ? [] : [format]),
    ...range('', minimum, maximum),
    ...range('length ', minLength, maxLength),
    ...(fallback === undefined ? [] : [`default ${fallback}`]),
  ].join(', ');
}

function writeBody({ content, required }: NonNullable<Operation['requestBody']>): string {
  const forms = Object.entries(content).map(
    ([type, { schema, example }]) =>
      `${required === true ? 'Required' : 'May be left out'}, \`${type}\`:\n\n${fence('json', pretty(schema))}${
        example === undefined ? '' : `\n\n${fence(type === 'application/json' ? 'json' : '', text(example))}`
      }`,
  );
  return `## Body\n\n${forms.join('\n\n')}`;
}

function writeResponse(status: string, { description = '', content = {} }: Response): string {
  const forms = Object.entries(content).map(([type, { schema, example }]) => {
    const shown =
      example === undefined
        ? ''
        : `For example:\n\n${fence(type === 'application/json' ? 'json' : '', text(example))}`;
    return [...(type === 'application/json' ? [] : [`\`${type}\`:`]), fence('json', pretty(schema)), shown]
      .filter((part) => part !== '')
      .join('\n\n');
  });
  return [`### ${status} ${description}`, ...forms].join('\n\n');
}

const pretty = (value: unknown) => JSON.stringify(value, null, 2);
const text = (example: unknown) => (typeof example === 'string' ? example.trimEnd() : pretty(example));
const fence = (language: string, code: string) => `\`\`\`${language}\n${code}\n\`\`\``;
