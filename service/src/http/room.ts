import type {
  FastifyPluginAsync,
  FastifyPluginOptions,
  FastifyTypeProvider,
  RawServerDefault,
} from 'fastify';
import type { Static, TSchema } from 'typebox';

/**
 * Types of requests come from their TypeBox schemas. Answers are not typed by theirs: rows carry Dates where the schema has
 * strings, and the serializer, made from the schema, lets nothing out that is not declared.
 */
interface SchemaTypes extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  serializer: unknown;
}

/** The routes of one room, to be registered by the app. */
export type RoomRoutes = FastifyPluginAsync<FastifyPluginOptions, RawServerDefault, SchemaTypes>;
