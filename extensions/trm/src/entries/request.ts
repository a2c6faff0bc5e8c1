/** One request: who asks, and Directus's services in the one transaction in which it works. */
import type { AbstractServiceOptions, Accountability, PrimaryKey, Query, SchemaOverview } from '@directus/types';
import type { Knex } from 'knex';
import type { Row } from '../lib/types';

interface Items {
  createOne: (row: Row) => Promise<PrimaryKey>;
  readByQuery: (query: Query) => Promise<Row[]>;
}

export type ItemsService = new (collection: string, options: AbstractServiceOptions) => Items;

export interface Asked {
  Service: ItemsService;
  trx: Knex;
  schema: SchemaOverview;
  accountability: Accountability;
  user: string;
}

/** Return the rows of a collection, as far as the user may write and read them. */
export const own = ({ Service, trx, schema, accountability }: Asked, collection: string): Items =>
  new Service(collection, { knex: trx, schema, accountability });

/** Return them with all rights, for what this code allows the user; the hooks of the rules still judge. */
export const elevated = ({ Service, trx, schema, accountability }: Asked, collection: string): Items =>
  new Service(collection, { knex: trx, schema, accountability: { ...accountability, admin: true } });

/** Return the user's role in an organisation; undefined if he has none. */
export async function roleIn({ trx, user }: Asked, organization: string): Promise<string | undefined> {
  const membership = trx('organization_users').where({ organization_id: organization, user_id: user });
  const found: Row | undefined = await membership.first('role');
  return found === undefined ? undefined : String(found['role']);
}
