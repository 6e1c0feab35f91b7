import type { FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { type ErrorName, ServiceError } from '../errors.ts';

/** The part of a JSON Schema that the sentences below need. */
interface ParameterSchema {
  type?: string;
  properties?: Record<string, ParameterSchema>;
  items?: ParameterSchema;
  minimum?: number;
  maximum?: number;
}

/** A sentence for the first thing that a schema refused, and the name of the field. Values are not repeated. */
export function explainValidation(
  errors: FastifySchemaValidationError[],
  context: string | undefined,
  request: FastifyRequest,
): ServiceError {
  const name: ErrorName = context === 'body' ? 'unprocessable' : 'malformed';
  const [error] = errors;
  if (error === undefined) return new ServiceError(name);
  const { keyword, instancePath, params } = error;
  if (keyword === 'required') {
    const field = nameOf(instancePath, String(params.missingProperty));
    return new ServiceError(name, { field, message: `${field} is missing.` });
  }
  if (keyword === 'additionalProperties')
    return unknownField(
      name,
      nameOf(instancePath, String(params.additionalProperty)),
      request,
      context,
      within(schemaOf(request, context), instancePath),
    );
  const field = nameOf(instancePath);
  const schema = within(schemaOf(request, context), instancePath);
  const subject = field === '' ? (context === 'body' ? 'The body' : 'The request') : field;
  return new ServiceError(name, {
    ...(field === '' ? {} : { field }),
    message: `${subject} ${complaint(keyword, params, schema, error.message)}.`,
  });
}

/** A field by the way to it, e.g. `rows.3.reason`. */
const nameOf = (instancePath: string, ...last: string[]) => [...stepsOf(instancePath), ...last].join('.');

const stepsOf = (instancePath: string) => instancePath.split('/').filter((step) => step !== '');

/** The part of a schema that a field is held to. */
const within = (schema: ParameterSchema | undefined, instancePath: string): ParameterSchema | undefined =>
  stepsOf(instancePath).reduce((part, step) => part?.properties?.[step] ?? part?.items, schema);

function complaint(
  keyword: string,
  params: Record<string, unknown>,
  schema: ParameterSchema | undefined,
  fallback: string | undefined,
): string {
  const bounded = schema?.minimum !== undefined && schema.maximum !== undefined;
  switch (keyword) {
    case 'type':
      if (params.type === 'integer') return bounded ? whole(schema) : 'has to be a whole number, in digits';
      if (params.type === 'boolean') return 'has to be true or false';
      return `has to be of type ${[params.type].flat().join(' or ')}`;
    case 'minimum':
    case 'maximum':
      return bounded ? whole(schema) : `has to be ${String(params.comparison)} ${String(params.limit)}`;
    case 'minLength':
      return 'must not be empty';
    case 'maxLength':
      return `must not be longer than ${String(params.limit)} characters`;
    case 'minItems':
      return 'must not be empty';
    case 'maxItems':
      return `must not have more than ${String(params.limit)} entries`;
    case 'pattern':
      return 'has characters that are not allowed';
    case 'enum':
      return `has to be one of: ${(params.allowedValues as string[]).join(', ')}`;
    case 'format':
      return params.format === 'date-time' ? 'has to be a time such as 2026-01-31T14:05:00Z' : 'is not valid';
    default:
      return fallback ?? 'is not valid';
  }
}

const whole = (schema: ParameterSchema | undefined) =>
  `has to be a whole number from ${schema?.minimum} to ${schema?.maximum}, in digits`;

function schemaOf(request: FastifyRequest, context: string | undefined): ParameterSchema | undefined {
  const schema = request.routeOptions.schema as Record<string, ParameterSchema | undefined> | undefined;
  return context === undefined ? undefined : schema?.[context];
}

/** Names what is known, since a misspelt `customer_id` must not list everybody. What was sent is repeated only if it could be a name. */
export function unknownField(
  name: ErrorName,
  field: string,
  request: FastifyRequest,
  context = 'querystring',
  schema = schemaOf(request, context),
): ServiceError {
  const known = Object.keys(schema?.properties ?? {});
  const shown = /^[A-Za-z0-9_.[\]-]{1,64}$/.test(field) ? field : undefined;
  const noun = context === 'body' ? 'field' : 'parameter';
  return new ServiceError(name, {
    ...(shown === undefined ? {} : { field: shown }),
    message: `Unknown ${noun}${shown === undefined ? '' : ` ${shown}`}. ${
      known.length === 0 ? `There are no ${noun}s here.` : `Known are: ${known.join(', ')}.`
    }`,
  });
}
