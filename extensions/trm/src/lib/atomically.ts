/** Runs an update and the changes that belong to it in one transaction. */
import type { Accountability, AbstractServiceOptions, PrimaryKey } from '@directus/types';
import type { Knex } from 'knex';
import type { Reading, Row } from './types';

interface Items {
  updateMany: (keys: PrimaryKey[], data: Row, options: { emitEvents: false }) => Promise<PrimaryKey[]>;
}

/** Directus's service for a collection, as extensions get it. */
export type ItemsService = new (collection: string, options: AbstractServiceOptions) => Items;

export interface Update {
  Service: ItemsService;
  collection: string;
  keys: readonly PrimaryKey[];
  payload: Row;
}

/**
 * Do the update first, so that Directus checks permissions and values, then the rest. Return an empty payload.
 *
 * Directus calls a filter of items.update before it checks permissions and, except for lists of updates, outside of its
 * transaction. In here nothing is left behind if the user is refused or the rest fails.
 *
 * before: reads what the update will replace, and writes what a CHECK requires together with the update.
 * rest: makes the changes that belong to the update, and returns further values for the same rows.
 */
export async function atomically<Before>(
  { database, schema, accountability }: Reading & { accountability: Accountability | null },
  { Service, collection, keys, payload }: Update,
  before: (trx: Knex) => Promise<Before>,
  rest: (trx: Knex, before: Before) => Promise<Row>,
): Promise<Row> {
  const update = async (trx: Knex, who: Accountability | null, data: Row): Promise<void> => {
    // The earlier hooks have checked the payload, and the later ones will see an empty update.
    await new Service(collection, { knex: trx, accountability: who, schema }).updateMany([...keys], data, {
      emitEvents: false,
    });
  };
  const work = async (trx: Knex): Promise<Row> => {
    const replaced = await before(trx);
    await update(trx, accountability, payload);
    const more = await rest(trx, replaced);
    if (Object.keys(more).length > 0) await update(trx, null, more);
    return {};
  };
  // A list of updates has a transaction already.
  return database.isTransaction === true ? work(database) : database.transaction(work);
}
