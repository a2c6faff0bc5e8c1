// Applies a schema diff with the same result as Directus, but in batches, which is faster: Directus reads its whole
// schema again after each new field. The statements come from Directus's own services. Changes that were not shown to
// give the same result are left to Directus's own apply.
import deepDiff from 'package:deep-diff';
import { addFieldFlag } from 'package:@directus/utils';
import { flushCaches } from 'directus:cache.js';
import { translateDatabaseError } from 'directus:database/errors/translate.js';
import { getHelpers } from 'directus:database/helpers/index.js';
import getDatabase from 'directus:database/index.js';
import emitter from 'directus:emitter.js';
import { FieldsService } from 'directus:services/fields.js';
import { PayloadService } from 'directus:services/payload.js';
import { applyDiff as applyByDirectus } from 'directus:utils/apply-diff.js';
import { getDefaultIndexName } from 'directus:utils/get-default-index-name.js';
import { getSchema } from 'directus:utils/get-schema.js';
import { transaction } from 'directus:utils/transaction.js';
import { isColumn, keyOf, split } from './apply_plan.mjs';
import { schemaOf } from './snapshot.mjs';

// Rows in one INSERT: PostgreSQL accepts at most 65,535 parameters, and a field has 22.
const ROWS = 500;

export async function applyDiff(snapshot, diff, options = {}) {
  const database = options.database ?? getDatabase();
  if (hasListeners()) return applyByDirectus(snapshot, diff, options);
  const schema = schemaOf(snapshot) ?? (await getSchema({ database, bypassCache: true }));
  const rows = await database.select('id', 'collection', 'field').from('directus_fields');
  const known = new Map(rows.map((row) => [keyOf(row), row.id]));
  const parts = split(diff, snapshot, schema, known);
  if (!parts) return applyByDirectus(snapshot, diff, options);
  await transaction(database, (knex) => new Apply(knex, schema, snapshot, known).run(parts));
  return flushCaches();
}

// Whether extensions or flows listen to the events of Directus's own apply. They may change the written rows.
function hasListeners() {
  const events = ['collections', 'fields', 'relations'].flatMap((kind) =>
    ['create', 'update', 'delete'].map((verb) => `${kind}.${verb}`),
  );
  return [emitter.filterEmitter, emitter.actionEmitter].some((each) =>
    events.some((event) => each.listeners(event).length > 0),
  );
}

class Apply {
  constructor(knex, schema, snapshot, known) {
    Object.assign(this, { knex, schema, snapshot, known });
    this.service = new FieldsService({ knex, schema });
    this.keys = new Map(Object.entries(schema.collections).map(([name, { primary }]) => [name, primary]));
  }

  async run({ collections, added, edited, removed, relations, left }) {
    await this.createCollections(collections);
    if (Object.values(left).some((entries) => entries.length > 0)) {
      const schema = { ...this.schema, relations: [...this.schema.relations] };
      await applyByDirectus(this.snapshot, { ...left }, { database: this.knex, schema });
    }
    await this.editFields(edited);
    await this.removeFields(removed);
    await this.addFields(added);
    await this.relate(relations);
  }

  async createCollections(collections) {
    const rows = [];
    for (const { collection, schema, fields } of collections) {
      fields.forEach(withFlag(this.knex));
      if (!schema) continue;
      this.keys.set(collection, fields.find((field) => field.schema?.is_primary_key).field);
      await this.define(collection, 'createTable', (table) => this.addColumns(table, collection, fields));
      rows.push(...inGroups(fields.filter(({ meta }) => meta)).map(rowOf));
    }
    await this.insert('directus_fields', rows);
    const metas = collections.filter(({ meta }) => meta).map(({ collection, meta }) => ({ ...meta, collection }));
    await this.insert('directus_collections', metas);
  }

  async addFields(fields) {
    fields.forEach(withFlag(this.knex));
    for (const [collection, its] of byCollection(fields.filter(isColumn))) {
      await this.define(collection, 'alterTable', (table) => this.addColumns(table, collection, its));
    }
    await this.insert('directus_fields', fields.filter(({ meta }) => meta).map(rowOf));
  }

  addColumns(table, collection, fields) {
    for (const field of fields.filter(isColumn)) this.service.addColumnToTable(table, collection, field);
  }

  async editFields(edited) {
    const rows = edited.map(({ before, diff }) => {
      const field = structuredClone(before);
      for (const change of diff) deepDiff.applyChange(field, undefined, change);
      return { ...rowOf(field), id: this.known.get(keyOf(before)) };
    });
    await this.write('directus_fields', 'update', rows, (query, names) => query.onConflict('id').merge(names));
  }

  async removeFields(removed) {
    const isAlias = ({ collection, field }) => this.schema.collections[collection].fields[field].alias;
    for (const [collection, entries] of byCollection(removed)) {
      const names = entries.map(({ field }) => field);
      const columns = entries.filter((entry) => !isAlias(entry)).map(({ field }) => field);
      if (columns.length > 0) await this.define(collection, 'alterTable', (table) => void table.dropColumns(columns));
      for (const name of ['archive_field', 'sort_field']) {
        await this.knex('directus_collections').where({ collection }).whereIn(name, names).update({ [name]: null });
      }
      await this.knex('directus_fields').where({ collection }).whereIn('field', names).delete();
      await this.forget(collection, new Set(names));
    }
  }

  // Removes names from the lists of fields in permissions.
  async forget(collection, names) {
    const rows = await this.knex('directus_permissions').select('id', 'fields').where({ collection }).whereNotNull('fields');
    for (const { id, fields } of rows) {
      const kept = fields.split(',').filter((name) => !names.has(name));
      const changed = kept.length < fields.split(',').length;
      if (changed) await this.knex('directus_permissions').where({ id }).update({ fields: kept.join(',') || null });
    }
  }

  async relate(relations) {
    const bound = relations.filter(({ related_collection: related }) => related);
    for (const [collection, its] of byCollection(bound)) {
      await this.define(collection, 'alterTable', (table) => its.forEach((relation) => this.bind(table, relation)));
    }
    const rows = relations.map(({ collection, field, related_collection: related, meta }) => ({
      ...meta,
      many_collection: collection,
      many_field: field,
      one_collection: related || null,
    }));
    await this.insert('directus_relations', rows);
  }

  bind(table, { collection, field, related_collection: related, schema }) {
    const name = getDefaultIndexName('foreign', collection, field);
    const key = table.foreign(field, name).references(`${related}.${this.keys.get(related)}`);
    if (schema?.on_delete) key.onDelete(schema.on_delete);
    if (schema?.on_update) key.onUpdate(schema.on_update);
  }

  // Sends the statements for one table together. Bypasses knex, which would read each `?` in a text as a parameter.
  async define(collection, how, change) {
    const statements = this.knex.schema[how](collection, change).toSQL();
    const connection = await this.knex.client.acquireConnection();
    try {
      await connection.query(statements.map(({ sql }) => sql).join(';\n'));
    } catch (error) {
      error.message = `${collection}: ${error.message}`;
      throw error;
    }
  }

  insert(table, rows) {
    return this.write(table, 'create', rows, (query) => query);
  }

  // Writes rows in their order. finish(query, names): completes the INSERT; names are its columns but the primary key.
  async write(table, action, rows, finish) {
    const { fields, primary } = this.schema.collections[table];
    const isStored = ([name]) => name in fields && !fields[name].alias;
    const stored = rows.map((row) => Object.fromEntries(Object.entries(row).filter(isStored)));
    const payloads = new PayloadService(table, { knex: this.knex, schema: this.schema });
    for (const chunk of chunks(stored)) {
      const values = await payloads.processValues(action, chunk);
      const names = Object.keys(values[0]).filter((name) => name !== primary);
      try {
        await finish(this.knex(table).insert(values), names);
      } catch (error) {
        throw shortened(await translateDatabaseError(error, values[0]), table);
      }
    }
  }
}

// Yields groups of at most ROWS rows, all with the same columns: in one INSERT a missing column would get its default.
function* chunks(rows) {
  const shape = (row) => JSON.stringify(Object.keys(row).sort());
  for (let start = 0; start < rows.length; ) {
    let end = start + 1;
    while (end < rows.length && end - start < ROWS && shape(rows[end]) === shape(rows[start])) end++;
    yield rows.slice(start, end);
    start = end;
  }
}

function byCollection(entries) {
  const found = new Map();
  for (const entry of entries) found.set(entry.collection, [...(found.get(entry.collection) ?? []), entry]);
  return found;
}

// Returns fields in the order in which Directus inserts their rows: first those without a group, then group by group.
function inGroups(fields) {
  const groups = {};
  for (const field of fields) if (field.meta.group) (groups[field.meta.group] ??= []).push(field);
  return [...fields.filter(({ meta }) => meta.group == null), ...Object.values(groups).flat()];
}

function rowOf({ collection, field, meta }) {
  return { ...meta, collection, field };
}

function withFlag(knex) {
  const { date } = getHelpers(knex);
  return (field) => {
    const flag = date.fieldFlagForField(field.type);
    if (flag) addFieldFlag(field, flag);
  };
}

// Removes the statement with all its rows, which knex puts before PostgreSQL's message.
function shortened(error, table) {
  if (error.severity) error.message = `${table}: ${error.message.slice(error.message.lastIndexOf(' - ') + 3)}`;
  return error;
}
