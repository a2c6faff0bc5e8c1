import type { SchemaOverview } from '@directus/types';
import type { Knex } from 'knex';

/** What somebody sent, or a stored row: values by field. */
export type Row = Readonly<Record<string, unknown>>;

/** Where a hook reads: the transaction that Directus is in, or its pool; and the collections as they are now. */
export interface Reading {
  database: Knex;
  schema: SchemaOverview;
}

export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
