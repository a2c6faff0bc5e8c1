/** Keeps the references of a row within one event and one organisation. Applies to administrators, too. */
import type { HookConfig, PrimaryKey } from '@directus/types';
import { CrossEventReference } from '../lib/errors';
import { isKey, pathOf } from '../lib/paths';
import type { Reading, Row } from '../lib/types';
import { merged, readingOf, valueAt } from '../lib/values';
import { belongsTo, fields, firstMismatch, GROUPS, OWNER_PATHS, REGISTRATIONS } from './rules';

function refuse(collection: string, path: string, than: string): never {
  const [field, other] = [path.split('.')[0], than.split('.')[0]];
  const reason = `${String(field)} does not belong to the same event as ${String(other)}.`;
  throw new CrossEventReference({ reason, collection });
}

async function requireSameEvent(reading: Reading, collection: string, row: Row): Promise<void> {
  for (const group of GROUPS[collection] ?? []) {
    const found: unknown[] = [];
    for (const path of group) found.push(await valueAt(reading, collection, pathOf(path), row));
    const path = firstMismatch(group, found);
    if (path !== undefined) refuse(collection, path, group[0]);
  }
  const target = belongsTo(collection, row['belongs_to_type']);
  if (target === undefined || (row['belongs_to_id'] ?? null) === null) return;
  const own = await valueAt(reading, collection, ['event_id'], row);
  // The field has no foreign key, so a key that no row has is refused here.
  if (own !== (await valueAt(reading, target.collection, pathOf(target.path), { id: row['belongs_to_id'] })))
    refuse(collection, 'belongs_to_id', 'event_id');
}

async function requireRegistered(reading: Reading, collection: string, row: Row): Promise<void> {
  const registration = REGISTRATIONS[collection];
  if (registration === undefined) return;
  const { field, junction } = registration;
  const thing = await valueAt(reading, collection, [field], row);
  const organization = await valueAt(reading, collection, pathOf(registration.organization), row);
  if (thing === undefined || organization === undefined) return;
  const known = isKey(thing) && isKey(organization);
  const registered: unknown = known
    ? await reading.database(junction).where({ [field]: thing, organization_id: organization }).first('id')
    : undefined;
  if (registered !== undefined) return;
  const reason = `${field} is not registered with the organisation of the event; register it first, in ${junction}.`;
  throw new CrossEventReference({ reason, collection });
}

/** Refuse to move a row to another event if rows that stay behind refer to it. */
async function requireSameOwner(reading: Reading, collection: string, row: Row): Promise<void> {
  const ownerPath = OWNER_PATHS[collection];
  if (ownerPath === undefined) return;
  const path = pathOf(ownerPath);
  const [before, after] = [
    await valueAt(reading, collection, path, { id: row['id'] }),
    await valueAt(reading, collection, path, row),
  ];
  if (before === after) return;
  const referring = reading.schema.relations.filter((relation) => relation.related_collection === collection);
  for (const { collection: other, field } of referring) {
    if ((await reading.database(other).where(field, String(row['id'])).first(field)) === undefined) continue;
    const reason = `Rows of ${other} refer to this row, so its ${String(path.at(-1))} cannot change.`;
    throw new CrossEventReference({ reason, collection });
  }
}

const coherence: HookConfig = ({ filter }, { getSchema }) => {
  filter<Row>('items.create', async (payload, { collection }, context) => {
    const reading = await readingOf(context, getSchema);
    await requireSameEvent(reading, String(collection), payload);
    await requireRegistered(reading, String(collection), payload);
    return payload;
  });
  filter<Row>('items.update', async (payload, meta, context) => {
    const collection = String(meta['collection']);
    const needed = fields(collection);
    if (!needed.some((field) => field in payload)) return payload;
    const reading = await readingOf(context, getSchema);
    const keys = meta['keys'] as PrimaryKey[];
    for (const row of await merged(reading, collection, keys, ['id', ...needed], payload)) {
      await requireSameEvent(reading, collection, row);
      await requireRegistered(reading, collection, row);
      await requireSameOwner(reading, collection, row);
    }
    return payload;
  });
};

export default coherence;
