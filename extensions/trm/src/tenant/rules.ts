/** Who may write where: the map that is generated from the access files, and what it says of a request. Pure. */
import tenancy from '../generated/tenancy.json' with { type: 'json' };
import { pathOf, type Path } from '../lib/paths';
import type { Row } from '../lib/types';

export type Action = 'create' | 'update' | 'delete';

interface Rule {
  path: string;
  create: readonly string[];
  update: readonly string[];
  delete: readonly string[];
}

/** What a collection asks of who writes to it. own: a participant must be in the crew of the entry. */
export interface Demand {
  path: Path;
  roles: readonly string[];
  own: boolean;
}

const RULES: Readonly<Record<string, Rule>> = tenancy;

/** Return what an action asks; null if nobody but an administrator may do it, as with a collection without a rule. */
export function demand(collection: string, action: Action): Demand | null {
  const rule = Object.hasOwn(RULES, collection) ? RULES[collection] : undefined;
  if (rule === undefined || rule[action].length === 0) return null;
  const path = pathOf(rule.path);
  return { path, roles: rule[action], own: collection === 'entries' || path[0] === 'entry_id' };
}

/** Return who may create this row: a marshal records by hand alone what he saw. */
export const mayCreate = (collection: string, { roles, ...demanded }: Demand, payload: Row): Demand => ({
  ...demanded,
  roles: collection === 'entry_crossings' && isByDevice(payload) ? roles.filter(isNoMarshal) : roles,
});

/** Return what a refused creation may lack, as a sentence; nothing that a stored row would have to tell. */
export const advice = (collection: string, payload: Row): string =>
  collection === 'entry_crossings' && isByDevice(payload) ? ' A marshal chooses the source Manual.' : '';

/** The database writes manual where nobody says a source. */
const isByDevice = (payload: Row): boolean => payload['source'] !== undefined && payload['source'] !== 'manual';

const isNoMarshal = (role: string): boolean => role !== 'marshal';
