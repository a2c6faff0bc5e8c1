/** Reads the value at the end of a path from a row, as the row will be after it is written. */
import type { PrimaryKey, SchemaOverview } from '@directus/types';
import { isKey, related, walk, type Path } from './paths';
import { isRow, type Reading, type Row } from './types';

/** The key of a row that is created together with the row that refers to it. */
export const NEW = Symbol('new');

/** Return the value that a path ends in; values in `row` come before stored ones. Undefined: no value or no row. */
export async function valueAt(reading: Reading, collection: string, path: Path, row: Row): Promise<unknown> {
  const [field, ...rest] = path;
  if (field === undefined) return undefined;
  if (!(field in row)) return stored(reading, collection, path, row['id']);
  const value = row[field];
  if (value === null || value === undefined) return undefined;
  if (rest.length === 0) return inLowerCase(isRow(value) ? (value['id'] ?? NEW) : value);
  const table = related(reading.schema, collection, field);
  return isRow(value) ? valueAt(reading, table, rest, value) : stored(reading, table, rest, value);
}

/** Return a key as PostgreSQL writes it, and any other value unchanged. */
const inLowerCase = (value: unknown): unknown => (isKey(value) ? value.toLowerCase() : value);

async function stored(reading: Reading, collection: string, path: Path, key: unknown): Promise<unknown> {
  if (!isKey(key)) return undefined;
  const { query, end } = walk(reading.database, reading.schema, collection, path);
  const found: Row | undefined = await query.where('t0.id', key).first(`${end} as found`);
  return found?.['found'] ?? undefined;
}

/** Return stored rows with a change applied, as they will be after an update. fields: the stored fields to read. */
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

/** Return what a hook reads with. Adds the schema, which Directus leaves out in some contexts. */
export async function readingOf(
  { database, schema }: { database: Reading['database']; schema: SchemaOverview | null },
  getSchema: () => Promise<SchemaOverview>,
): Promise<Reading> {
  return { database, schema: schema ?? (await getSchema()) };
}
