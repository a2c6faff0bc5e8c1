/** Values at the end of a path from a row, as it will be once it is written. */
import type { PrimaryKey, SchemaOverview } from '@directus/types';
import { isKey, related, walk, type Path } from './paths';
import { isRow, type Reading, type Row } from './types';

/** Stands for the key of a row that is only being made, along with the one that refers to it. */
export const NEW = Symbol('new');

/** Return what a path ends in: what is said comes before what is stored. Undefined: nothing, or no such row. */
export async function valueAt(reading: Reading, collection: string, path: Path, row: Row): Promise<unknown> {
  const [field, ...rest] = path;
  if (field === undefined) return undefined;
  if (!(field in row)) return stored(reading, collection, path, row['id']);
  const value = row[field];
  if (value === null || value === undefined) return undefined;
  if (rest.length === 0) return isRow(value) ? (value['id'] ?? NEW) : value;
  const table = related(reading.schema, collection, field);
  return isRow(value) ? valueAt(reading, table, rest, value) : stored(reading, table, rest, value);
}

async function stored(reading: Reading, collection: string, path: Path, key: unknown): Promise<unknown> {
  if (!isKey(key)) return undefined;
  const { query, end } = walk(reading.database, reading.schema, collection, path);
  const found: Row | undefined = await query.where('t0.id', key).first(`${end} as found`);
  return found?.['found'] ?? undefined;
}

/** Return stored rows with a change in them, as an update leaves them. fields: of the stored rows, what is needed. */
export async function merged(
  { database }: Pick<Reading, 'database'>,
  collection: string,
  keys: readonly PrimaryKey[],
  fields: readonly string[],
  payload: Row,
): Promise<Row[]> {
  const rows: Row[] = await database(collection).whereIn('id', keys.filter(isKey)).select(fields);
  return rows.map((row) => ({ ...row, ...payload }));
}

/** Return what a hook reads with; Directus leaves out the schema in some contexts. */
export async function readingOf(
  { database, schema }: { database: Reading['database']; schema: SchemaOverview | null },
  getSchema: () => Promise<SchemaOverview>,
): Promise<Reading> {
  return { database, schema: schema ?? (await getSchema()) };
}
