// Splits a diff into changes that apply.mjs writes in batches and changes that it leaves to Directus's own code. Pure.
// Functions return `null` if the diff has a shape for which the same result as Directus's own apply was not shown.
import { ALIAS_TYPES } from 'directus:constants.js';

export function keyOf({ collection, field }) {
  return JSON.stringify([collection, field]);
}

export function isColumn({ type }) {
  return Boolean(type) && !ALIAS_TYPES.includes(type);
}

// snapshot, schema: the current state of the database. known: has the keys of all rows of directus_fields.
export function split(diff, snapshot, schema, known) {
  const collections = inOrder(diff, snapshot);
  const fields = classified(diff.fields, snapshot, schema, known);
  if (!collections || !fields || hasTwice(diff.fields)) return null;
  const parts = {
    collections: collections.map(({ collection, diff: [{ rhs }] }) => ({
      ...rhs,
      fields: fields.added.filter((field) => field.collection === collection),
    })),
    added: fields.added.filter((field) => !collections.some(({ collection }) => collection === field.collection)),
    edited: fields.edited,
    removed: fields.removed,
    relations: diff.relations.filter(isNew).map(({ collection, field, diff: [{ rhs }] }) => ({ ...rhs, collection, field })),
    left: {
      collections: diff.collections.filter((entry) => !isNew(entry)),
      fields: fields.left,
      systemFields: diff.systemFields,
      relations: diff.relations.filter((entry) => !isNew(entry)),
    },
  };
  // Removing a collection also removes fields of other collections. Then Directus itself changes all existing fields,
  // in its own order.
  if (parts.left.collections.some(isRemoval)) {
    parts.left.fields = diff.fields.filter((entry) => !isNew(entry));
    parts.edited = parts.removed = [];
  }
  return isPossible(parts, schema, known) && isUnordered(diff.fields, snapshot) ? parts : null;
}

function isNew({ diff: [first] }) {
  return first?.kind === 'N' && !first.path;
}

function isRemoval({ diff: [first] }) {
  return first?.kind === 'D' && !first.path;
}

function hasTwice(fields) {
  return new Set(fields.map(keyOf)).size !== fields.length;
}

// Returns new collections in Directus's order: each is followed by those that have it as their group. Returns null if
// Directus would never reach one of them.
function inOrder(diff, snapshot) {
  const wanted = diff.collections.filter(isNew);
  const there = new Set(snapshot.collections.map(({ collection }) => collection));
  const made = new Set(wanted.map(({ collection }) => collection));
  const groupOf = ({ diff: [{ rhs }] }) => rhs.meta?.group;
  const withGroup = (entry) => [entry, ...wanted.filter((each) => groupOf(each) === entry.collection).flatMap(withGroup)];
  const stands = (group) => !group || (there.has(group) && !made.has(group));
  const found = wanted.filter((entry) => stands(groupOf(entry))).flatMap(withGroup);
  return found.length === wanted.length && made.size === wanted.length ? found : null;
}

function classified(entries, snapshot, schema, known) {
  const current = new Map(snapshot.fields.map((field) => [keyOf(field), field]));
  const found = { added: [], edited: [], removed: [], left: [] };
  for (const entry of entries) {
    const { collection, field, diff } = entry;
    const before = current.get(keyOf(entry));
    if (isNew(entry)) found.added.push({ ...diff[0].rhs, collection, field });
    // Directus works in the order of the diff: it would create the new field before this change.
    else if (found.added.length > 0) return null;
    else if (!known.has(keyOf(entry)) || !before || collection.startsWith('directus_')) found.left.push(entry);
    else if (before.meta && keepsColumn(before) && diff.every(isOfMeta)) found.edited.push({ before, diff });
    else if (isRemoval(entry) && isUnreferenced(entry, schema)) found.removed.push(entry);
    else found.left.push(entry);
  }
  return found;
}

// Whether Directus leaves the column alone if only `meta` changes. If it does not read the default value as text, it
// alters the column to what it already is. That this changes nothing was not shown for primary keys.
function keepsColumn({ schema }) {
  return !schema?.is_primary_key || schema.default_value == null || typeof schema.default_value === 'string';
}

function isOfMeta({ path }) {
  return path?.[0] === 'meta' && path.length > 1;
}

// Whether only these refer to a field: its own row, permissions, and archive_field and sort_field of its collection.
function isUnreferenced({ collection, field }, schema) {
  const refers = (relation) =>
    (relation.collection === collection && relation.field === field) ||
    ['one_field', 'sort_field', 'junction_field', 'one_collection_field'].some((name) => relation.meta?.[name] === field);
  return field in (schema.collections[collection]?.fields ?? {}) && !schema.relations.some(refers);
}

// Whether the order of the changes does not matter. It may matter if a removed field is the group of others, because
// Directus moves those out, or if a collection lists fields for duplicated items, because Directus edits that list.
function isUnordered(fields, snapshot) {
  const gone = new Set(fields.filter(isRemoval).map(keyOf));
  if (gone.size === 0) return true;
  const isGone = (collection, group) => Boolean(group) && gone.has(keyOf({ collection, field: group }));
  const moves = ({ collection, diff }) =>
    diff.some(({ path, rhs }) => path?.join('.') === 'meta.group' && isGone(collection, rhs));
  return (
    !snapshot.fields.some(({ collection, meta }) => isGone(collection, meta?.group)) &&
    !snapshot.collections.some(({ meta }) => meta?.item_duplication_fields) &&
    !fields.some(moves)
  );
}

// Whether Directus would store everything new unchanged. If it would refuse or complete something, its own apply runs.
function isPossible({ collections, added, relations }, schema, known) {
  const tables = new Map();
  for (const [name, { primary, fields }] of Object.entries(schema.collections)) {
    tables.set(name, { primary, fields: new Set(Object.keys(fields)) });
  }
  for (const { collection, schema: table, fields } of collections) {
    const keys = fields.filter(isKey);
    if (!isName(collection) || collection.startsWith('directus_') || tables.has(collection)) return false;
    if (table ? keys.length !== 1 || !keys[0].schema.is_primary_key : fields.length > 0) return false;
    if (table) tables.set(collection, { primary: keys[0].field, fields: new Set(fields.map(({ field }) => field)) });
  }
  for (const field of added) {
    const table = tables.get(field.collection);
    if (!table || table.fields.has(field.field) || known.has(keyOf(field)) || isKey(field)) return false;
    table.fields.add(field.field);
  }
  const fields = [...added, ...collections.flatMap((collection) => collection.fields)];
  return fields.every(isPlain) && relations.every((relation) => canRelate(relation, tables, schema));
}

function isKey({ schema }) {
  return Boolean(schema?.is_primary_key || schema?.has_auto_increment);
}

// A dot would be read as the separator between schema and table.
function isName(collection) {
  return typeof collection === 'string' && collection !== '' && !/[./]/.test(collection);
}

// Whether Directus stores the field as it is given. Without `sort` it assigns the next number, it adds a missing `meta`
// to a JSON field, and it makes a UUID of a text column with the length of a UUID.
function isPlain({ type, meta, schema }) {
  const short = ['char', 'varchar'].includes(String(schema?.data_type).toLowerCase()) && schema.max_length === 36;
  return !short && (meta ? 'sort' in meta : type !== 'json');
}

function canRelate({ collection, field, related_collection: related }, tables, schema) {
  const table = tables.get(collection);
  const taken = schema.relations.some((relation) => relation.collection === collection && relation.field === field);
  const known = !related || (tables.has(related) && isName(related) && isName(tables.get(related).primary));
  return Boolean(table?.fields.has(field)) && table.primary !== field && isName(collection) && known && !taken;
}
