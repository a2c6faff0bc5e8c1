import type { SchemaOverview } from '@directus/types';
import type { Knex } from 'knex';

/** A payload or a stored row: values by field. */
export type Row = Readonly<Record<string, unknown>>;

/** What a hook reads with: Directus's current transaction or its pool, and the current schema. */
export interface Reading {
  database: Knex;
  schema: SchemaOverview;
}

export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
