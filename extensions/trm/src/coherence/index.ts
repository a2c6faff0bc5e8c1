/** Keeps the references of a row within one event and one organisation. Holds for administrators, too. */
import type { HookConfig, PrimaryKey } from '@directus/types';
import { CrossEventReference } from '../lib/errors';
import { isKey, pathOf, said, walk, type Path, type Said } from '../lib/paths';
import type { Reading, Row } from '../lib/types';
import { belongsTo, fields, GROUPS, NEW, REGISTRATIONS, stray, type Found } from './rules';

/** Return the row that a path ends in, as far as it is known. */
async function end({ database, schema }: Reading, place: Said): Promise<Found> {
  if (place === null || place === 'nothing') return undefined;
  if (place === 'new') return NEW;
  // Not a key, or that of no row: Directus refuses it as such.
  if (!isKey(place.key)) return undefined;
  if (place.path.length === 0) return place.key;
  const { query, end: column } = walk(database, schema, place.collection, place.path);
  const row: Row | undefined = await query.where('t0.id', place.key).first(`${column} as found`);
  return row?.['found'] as Found;
}

const endOf = (reading: Reading, collection: string, path: Path, row: Row): Promise<Found> =>
  end(reading, said(reading.schema, collection, path, row));

function refuse(collection: string, path: string, than: string): never {
  const [field, other] = [path.split('.')[0], than.split('.')[0]];
  const reason = `${String(field)} is not of the same event as ${String(other)}.`;
  throw new CrossEventReference({ reason, collection });
}

async function requireSameEvent(reading: Reading, collection: string, row: Row): Promise<void> {
  for (const group of GROUPS[collection] ?? []) {
    const found: Found[] = [];
    for (const path of group) found.push(await endOf(reading, collection, pathOf(path), row));
    const path = stray(group, found);
    if (path !== undefined) refuse(collection, path, group[0]);
  }
  const target = belongsTo(collection, row['belongs_to_type']);
  if (target === undefined || !isKey(row['belongs_to_id'])) return;
  const place = { collection: target.collection, key: row['belongs_to_id'], path: pathOf(target.path) };
  const found = [await endOf(reading, collection, ['event_id'], row), await end(reading, place)];
  // No foreign key guards this field, so a key of no row is refused here.
  if (found[0] !== found[1]) refuse(collection, 'belongs_to_id', 'event_id');
}

async function requireRegistered(reading: Reading, collection: string, row: Row): Promise<void> {
  const registration = REGISTRATIONS[collection];
  if (registration === undefined) return;
  const { field, junction } = registration;
  const thing = await endOf(reading, collection, [field], row);
  const organization = await endOf(reading, collection, pathOf(registration.organization), row);
  if (thing === undefined || organization === undefined) return;
  const registered: unknown =
    thing === NEW || organization === NEW
      ? undefined
      : await reading.database(junction).where({ [field]: thing, organization_id: organization }).first('id');
  if (registered !== undefined) return;
  const reason = `${field} is not registered with the organisation of the event; register it first, in ${junction}.`;
  throw new CrossEventReference({ reason, collection });
}

/** Return the rows as they will be: new, or stored ones with the changes in them. */
async function merged(reading: Reading, collection: string, keys: readonly PrimaryKey[], payload: Row): Promise<Row[]> {
  const query = reading.database(collection).whereIn('id', keys.filter(isKey));
  const stored = (await query.distinct(fields(collection))) as Row[];
  return stored.map((row) => ({ ...row, ...payload }));
}

const coherence: HookConfig = ({ filter }, { getSchema }) => {
  filter<Row>('items.create', async (payload, { collection }, { database, schema }) => {
    const reading = { database, schema: schema ?? (await getSchema()) };
    await requireSameEvent(reading, String(collection), payload);
    await requireRegistered(reading, String(collection), payload);
    return payload;
  });
  filter<Row>('items.update', async (payload, meta, { database, schema }) => {
    const collection = String(meta['collection']);
    if (!fields(collection).some((field) => field in payload)) return payload;
    const reading = { database, schema: schema ?? (await getSchema()) };
    for (const row of await merged(reading, collection, meta['keys'] as PrimaryKey[], payload)) {
      await requireSameEvent(reading, collection, row);
      await requireRegistered(reading, collection, row);
    }
    return payload;
  });
};

export default coherence;
