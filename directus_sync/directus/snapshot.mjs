// Reads the schema with the same result as Directus, byte for byte, but faster: it reads each table once and finds the
// row of a field by its key. Directus searches all fields for each column, and sorts each object as pairs of texts.
import getDatabase, { getDatabaseClient } from 'directus:database/index.js';
import { ALIAS_TYPES } from 'directus:constants.js';
import { CollectionsService } from 'directus:services/collections.js';
import { ItemsService } from 'directus:services/items.js';
import getDefaultValue from 'directus:utils/get-default-value.js';
import { getSystemFieldRowsWithAuthProviders } from 'directus:utils/get-field-system-rows.js';
import getLocalType from 'directus:utils/get-local-type.js';
import { getSchema } from 'directus:utils/get-schema.js';
import * as directus from 'directus:utils/sanitize-schema.js';
import { createInspector } from 'package:@directus/schema';
import { toArray } from 'package:@directus/utils';
import { version } from 'package:directus/version';
import { keyOf } from './apply_plan.mjs';

// The schema from which each snapshot was made; apply.mjs needs it.
const schemas = new WeakMap();

// Directus removes vendor-specific properties. Which properties stay is determined once for each set of properties.
const sanitizeCollection = picking(directus.sanitizeCollection);
const sanitizeField = picking(directus.sanitizeField);
const sanitizeRelation = picking(directus.sanitizeRelation);

export async function getSnapshot({ database = getDatabase() } = {}) {
  const schema = await getSchema({ database, bypassCache: true });
  const collections = await new CollectionsService({ knex: database, schema }).readByQuery();
  const fields = await readFields(database, schema);
  const snapshot = {
    version: 1,
    directus: version,
    vendor: getDatabaseClient(database),
    collections: own(collections).sort(by('collection')).map(sanitizeCollection),
    fields: own(fields).sort(byId).map(withoutId).map(sanitizeField),
    systemFields: fields
      .filter(({ meta, schema: column }) => meta?.system === true && column?.is_indexed)
      .sort((one, other) => by('collection')(one, other) || by('field')(one, other))
      .map((each) => directus.sanitizeSystemField(each)),
    relations: own(schema.relations).sort(byId).map(withoutId).map(sanitizeRelation),
  };
  schemas.set(snapshot, schema);
  return snapshot;
}

// Returns the schema, in the form that Directus's services take, from which the snapshot was made.
export function schemaOf(snapshot) {
  return schemas.get(snapshot);
}

async function readFields(knex, schema) {
  const metas = await new ItemsService('directus_fields', { knex, schema }).readByQuery({ limit: -1 });
  metas.push(...getSystemFieldRowsWithAuthProviders());
  const known = new Map();
  for (const meta of metas) if (!known.has(keyOf(meta))) known.set(keyOf(meta), meta);
  const columns = (await createInspector(knex).columnInfo()).map((found) => {
    const [collection, field] = [found.table, found.name];
    const meta = known.get(keyOf({ collection, field })) ?? null;
    const column = { ...found, default_value: getDefaultValue(found, meta) };
    return { collection, field, type: getLocalType(column, meta), schema: column, meta };
  });
  const aliases = metas
    .filter(({ special }) => toArray(special).some((each) => ALIAS_TYPES.includes(each)))
    .map((meta) => ({ collection: meta.collection, field: meta.field, type: 'alias', schema: null, meta }));
  return [...columns, ...aliases].filter(({ collection }) => collection in schema.collections);
}

// Returns the items that have a row in Directus and are not Directus's own.
function own(items) {
  return items.filter(({ meta }) => meta !== null && meta?.system !== true).map(sortedDeep);
}

function withoutId(item) {
  const { id: _, ...meta } = item.meta;
  return { ...item, meta };
}

function by(name) {
  return (one, other) => (one[name] < other[name] ? -1 : one[name] > other[name] ? 1 : 0);
}

function byId(one, other) {
  return by('collection')(one, other) || one.meta.id - other.meta.id;
}

// Directus sorts the properties of an object by the text `name,value`. The order is kept here by the list of names, but
// only if no name contains a comma: then the values do not matter.
const orders = new Map();

function sortedNames(value) {
  const names = Object.keys(value);
  const list = names.join();
  const known = orders.get(list);
  // If a name contains a comma, the same joined list can stand for fewer names.
  if (known?.length === names.length) return known;
  const texts = names.map((name) => [`${name},${value[name] ?? ''}`, name]).sort(by(0));
  const sorted = texts.map(([, name]) => name);
  if (!names.some((name) => name.includes(','))) orders.set(list, sorted);
  return sorted;
}

function sortedDeep(value) {
  if (Array.isArray(value)) return value.map(sortedDeep);
  if (!isPlain(value)) return value;
  const sorted = {};
  for (const name of sortedNames(value)) sorted[name] = sortedDeep(value[name]);
  return sorted;
}

function isPlain(value) {
  return typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

// Returns a function like `sanitize` that calls it only once for each set of properties of an item and of its `schema`.
function picking(sanitize) {
  const kept = new Map();
  return (item) => {
    const shape = `${Object.keys(item)};${item.schema ? Object.keys(item.schema) : ''}`;
    if (!kept.has(shape)) {
      const { schema, ...rest } = sanitize(item);
      kept.set(shape, [Object.keys(rest), schema && Object.keys(schema)]);
    }
    const [names, columns] = kept.get(shape);
    const picked = {};
    for (const name of names) picked[name] = item[name];
    if (columns) {
      picked.schema = {};
      for (const name of columns) picked.schema[name] = item.schema[name];
    }
    return picked;
  };
}
