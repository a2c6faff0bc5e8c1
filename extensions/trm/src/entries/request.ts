/** One request: the user, and Directus's services in the request's transaction. */
import type { AbstractServiceOptions, Accountability, PrimaryKey, Query, SchemaOverview } from '@directus/types';
import type { Knex } from 'knex';
import type { Row } from '../lib/types';

interface Items {
  createOne: (row: Row) => Promise<PrimaryKey>;
  readByQuery: (query: Query) => Promise<Row[]>;
}

export type ItemsService = new (collection: string, options: AbstractServiceOptions) => Items;

export interface RequestContext {
  Service: ItemsService;
  trx: Knex;
  schema: SchemaOverview;
  accountability: Accountability;
  user: string;
}

/** Return the service of a collection with the user's own rights. */
export const asUser = ({ Service, trx, schema, accountability }: RequestContext, collection: string): Items =>
  new Service(collection, { knex: trx, schema, accountability });

/** Return the service of a collection with all rights, for what this code allows the user. Other hooks still check. */
export const asAdmin = ({ Service, trx, schema, accountability }: RequestContext, collection: string): Items =>
  new Service(collection, { knex: trx, schema, accountability: { ...accountability, admin: true } });

/** Return the user's role in an organisation; undefined without one. */
export async function roleIn({ trx, user }: RequestContext, organization: string): Promise<string | undefined> {
  const membership = trx('organization_users').where({ organization_id: organization, user_id: user });
  const found: Row | undefined = await membership.first('role');
  return found === undefined ? undefined : String(found['role']);
}
