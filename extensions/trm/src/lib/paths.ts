/** Paths from one row to another, such as event_id.organization_id, through stored rows and through payloads. */
import type { SchemaOverview } from '@directus/types';
import type { Knex } from 'knex';
import { isRow, type Row } from './types';

export type Path = readonly string[];

/** A stored row, and the rest of the path from there. */
export interface Place {
  collection: string;
  key: unknown;
  path: Path;
}

/** What a payload says about a path. 'nothing': leaves it out. 'new': creates the row. null: empties the reference. */
export type PayloadTarget = Place | 'nothing' | 'new' | null;

export const pathOf = (text: string): Path => (text === '' ? [] : text.split('.'));

interface Step {
  table: string;
  /** The columns of the join: in the previous table, and in this one. */
  from: string;
  to: string;
}

/** Return how a field leads to another collection: by a column of its own collection or of the other one. */
function step(schema: SchemaOverview, collection: string, field: string): Step {
  const own = schema.relations.find((one) => one.collection === collection && one.field === field);
  if (own?.related_collection) return { table: own.related_collection, from: field, to: 'id' };
  const others = schema.relations.find((one) => one.related_collection === collection && one.meta?.one_field === field);
  if (others) return { table: others.collection, from: 'id', to: others.field };
  throw new Error(`${collection}.${field} is not a relation, but a path names it`);
}

/** Return the collection that a field leads to. */
export const related = (schema: SchemaOverview, collection: string, field: string): string =>
  step(schema, collection, field).table;

/** Return whether a field leads to many rows: the rows at its other end have the column. */
export const isToMany = (schema: SchemaOverview, collection: string, field: string): boolean =>
  step(schema, collection, field).from === 'id';

/** Return what a payload says about where a path leads. */
export function targetInPayload(schema: SchemaOverview, collection: string, path: Path, payload: Row): PayloadTarget {
  const [field, ...rest] = path;
  if (field === undefined || !(field in payload)) return 'nothing';
  const value = payload[field];
  if (value === null || value === undefined) return null;
  const table = related(schema, collection, field);
  if (!isRow(value)) return { collection: table, key: value, path: rest };
  // The payload also writes the other row. Its new values come first, then its stored ones.
  const inner = targetInPayload(schema, table, rest, value);
  if (inner !== 'nothing') return inner;
  return value['id'] === undefined ? 'new' : { collection: table, key: value['id'], path: rest };
}

/** A query over the rows of a path. end: the path's last column; tables: the alias of each table. */
export interface Walk {
  query: Knex.QueryBuilder;
  end: string;
  tables: ReadonlyMap<string, string>;
}

/** Join the tables of a path. An empty path ends in the row's own key. */
export function walk(database: Knex, schema: SchemaOverview, collection: string, path: Path): Walk {
  const query = database(`${collection} as t0`);
  const tables = new Map([[collection, 't0']]);
  let current = collection;
  let alias = 't0';
  for (const [index, field] of path.slice(0, -1).entries()) {
    const next = step(schema, current, field);
    const joined = `t${String(index + 1)}`;
    query.join(`${next.table} as ${joined}`, `${alias}.${next.from}`, `${joined}.${next.to}`);
    current = next.table;
    alias = joined;
    tables.set(current, alias);
  }
  return { query, end: `${alias}.${path.at(-1) ?? 'id'}`, tables };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Return whether a value is a key in its usual form. PostgreSQL reads others, too, such as one without hyphens. */
export const isKey = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);

/** Return the path to a value in a payload that must be a key and is not; undefined if there is none. */
export function wrongKey(schema: SchemaOverview, collection: string, payload: Row): string | undefined {
  const fields = schema.collections[collection]?.fields;
  for (const [field, value] of Object.entries(payload)) {
    if (fields?.[field]?.type !== 'uuid' || value === null || value === undefined || isKey(value)) continue;
    const relation = schema.relations.find((one) => one.collection === collection && one.field === field);
    if (!isRow(value) || !relation?.related_collection) return field;
    const inner = wrongKey(schema, relation.related_collection, value);
    if (inner !== undefined) return `${field}.${inner}`;
  }
  return undefined;
}
