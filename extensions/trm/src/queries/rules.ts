/**
 * Makes filters on related rows safe. Directus 11.17.4 joins related rows without their permissions, so a filter on a
 * field of a secret row finds the row that refers to it. Here each condition on related rows is replaced by the keys of
 * those that the user may read. Pure except for `keysOf`.
 */
import type { SchemaOverview } from '@directus/types';
import { QueryRefused } from '../lib/errors';
import { isRow } from '../lib/types';

export type Filter = Record<string, unknown>;

/** Returns the values of a field in the rows that the user may read and for which the filter holds. */
export type KeysOf = (collection: string, filter: Filter, field: string) => Promise<readonly unknown[]>;

/** How a field leads to other rows. foreign: if there are many, their column that refers back. */
interface Relation {
  collection: string;
  foreign: string | null;
}

const JOINS: readonly string[] = ['_and', '_or'];
const BELOW: readonly string[] = ['_some', '_none', ...JOINS];

export function relationOf(schema: SchemaOverview, collection: string, field: string): Relation | null {
  const own = schema.relations.find((one) => one.collection === collection && one.field === field);
  if (own?.related_collection) return { collection: own.related_collection, foreign: null };
  const other = schema.relations.find((one) => one.related_collection === collection && one.meta?.one_field === field);
  return other ? { collection: other.collection, foreign: other.field } : null;
}

const keyOf = (schema: SchemaOverview, collection: string): string => schema.collections[collection]?.primary ?? 'id';

/** Return whether a condition is on the reference itself: an operator, not a field of the other row. */
const isDirect = (value: unknown): boolean =>
  !isRow(value) || Object.keys(value).every((name) => name.startsWith('_') && !BELOW.includes(name));

/** Return whether a filter has a condition on related rows. */
export function follows(schema: SchemaOverview, collection: string, filter: unknown): boolean {
  if (!isRow(filter)) return false;
  return Object.entries(filter).some(([name, value]) => {
    if (JOINS.includes(name)) return Array.isArray(value) && value.some((part) => follows(schema, collection, part));
    if (name.startsWith('$')) return true;
    const relation = relationOf(schema, collection, name);
    return relation !== null && (relation.foreign !== null || !isDirect(value));
  });
}

/** Return whether a field to sort or group by is of related rows. An aggregate of the query, as in panels, is not. */
export function isOfOthers(field: string, aggregate: unknown): boolean {
  const [, named, of] = /^-?(\w+)\.(\w+|\*)$/.exec(field) ?? [];
  const numbers = isRow(aggregate) && named !== undefined ? aggregate[named] : undefined;
  return /[.]|count\(/.test(field) && !(Array.isArray(numbers) && numbers.includes(of));
}

/** Merge the conditions on one to-many field into one condition, because a single row must meet them all. */
function merged(schema: SchemaOverview, collection: string, parts: readonly Filter[]): Filter[] {
  const found = new Map<string, Filter[]>();
  const others: Filter[] = [];
  for (const part of parts) {
    const [name, ...more] = Object.keys(part);
    const value = name === undefined ? null : part[name];
    const isMany = name !== undefined && more.length === 0 && relationOf(schema, collection, name)?.foreign;
    if (!isMany || isDirect(value) || (isRow(value) && ('_some' in value || '_none' in value))) others.push(part);
    else found.set(name, [...(found.get(name) ?? []), value as Filter]);
  }
  return [...others, ...[...found].map(([name, values]) => ({ [name]: { _and: values } }))];
}

/** Return the condition on the rows of a list, and whether no row may meet it. */
function ofList(value: Filter, key: string): { wanted: Filter; none: boolean } {
  if (isRow(value['_none'])) return { wanted: value['_none'], none: true };
  if (isRow(value['_some'])) return { wanted: value['_some'], none: false };
  if (!isDirect(value)) return { wanted: value, none: false };
  const isEmpty = value['_null'] === true || value['_nnull'] === false || value['_empty'] === true;
  const isAny = value['_nnull'] === true || value['_null'] === false || value['_nempty'] === true;
  return isEmpty || isAny ? { wanted: {}, none: isEmpty } : { wanted: { [key]: value }, none: false };
}

/** Rewrites the filters of one request. */
export class Rewriting {
  constructor(
    private readonly schema: SchemaOverview,
    private readonly keysOf: KeysOf,
  ) {}

  /** Change a filter in place, because Directus uses the same object to count. */
  async filter(collection: string, filter: Filter): Promise<void> {
    const parts: Filter[] = [];
    for (const [name, value] of Object.entries(filter)) {
      if (!JOINS.includes(name) || !Array.isArray(value)) {
        parts.push(await this.condition(collection, name, value));
        continue;
      }
      const found = value.filter(isRow) as Filter[];
      const joined = name === '_and' ? merged(this.schema, collection, found) : found;
      for (const part of joined) await this.filter(collection, part);
      parts.push({ [name]: joined });
    }
    const [first, ...others] = parts;
    for (const name of Object.keys(filter)) Reflect.deleteProperty(filter, name);
    Object.assign(filter, others.length === 0 ? first : { _and: parts });
  }

  private async condition(collection: string, name: string, value: unknown): Promise<Filter> {
    const counted = /^count\((\w+)\)$/.exec(name)?.[1];
    if (name.startsWith('$') || (counted !== undefined && relationOf(this.schema, collection, counted) !== null))
      throw new QueryRefused({ reason: `A filter can't ask for ${name}: name the field that leads to the rows.` });
    const relation = relationOf(this.schema, collection, name);
    if (relation === null || !isRow(value)) return { [name]: value };
    const { collection: other, foreign } = relation;
    if (foreign === null) {
      if (isDirect(value)) return { [name]: value };
      return { [name]: { _in: await this.keysOf(other, value, keyOf(this.schema, other)) } };
    }
    const { wanted, none } = ofList(value, keyOf(this.schema, other));
    return { [keyOf(this.schema, collection)]: { [none ? '_nin' : '_in']: await this.keysOf(other, wanted, foreign) } };
  }
}
