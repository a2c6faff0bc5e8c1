/** An update and what belongs to it, in one transaction. */
import type { Accountability, AbstractServiceOptions, PrimaryKey } from '@directus/types';
import type { Knex } from 'knex';
import type { Reading, Row } from './types';

interface Items {
  updateMany: (keys: PrimaryKey[], data: Row, options: { emitEvents: false }) => Promise<PrimaryKey[]>;
}

/** Directus's service of a collection, as a context of extensions has it. */
export type ItemsService = new (collection: string, options: AbstractServiceOptions) => Items;

export interface Update {
  Service: ItemsService;
  collection: string;
  keys: readonly PrimaryKey[];
  payload: Row;
}

/**
 * Do an update first, so that Directus judges permissions and values, then the rest; return what is left to do.
 *
 * Directus calls a filter of items.update before it checks permissions and, for all but lists, outside of its
 * transaction. Here a refused user leaves nothing behind, and neither does a failure of the rest.
 *
 * before: reads what the update replaces, and writes what the database asks for along with it.
 * rest: what belongs to it; it returns more values for the same rows.
 */
export async function atomically<Before>(
  { database, schema, accountability }: Reading & { accountability: Accountability | null },
  { Service, collection, keys, payload }: Update,
  before: (trx: Knex) => Promise<Before>,
  rest: (trx: Knex, before: Before) => Promise<Row>,
): Promise<Row> {
  const update = async (trx: Knex, who: Accountability | null, data: Row): Promise<void> => {
    // The hooks have judged the payload, and those behind this one will see an update of nothing.
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
