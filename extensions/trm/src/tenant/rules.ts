/** Applies the map that is generated from the access files: which roles may write which rows. Pure. */
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

/** What a collection requires of a user who writes to it. own: a participant must be in the crew of the entry. */
export interface Requirement {
  path: Path;
  roles: readonly string[];
  own: boolean;
}

const RULES: Readonly<Record<string, Rule>> = tenancy;

/** Return what an action requires; null if only administrators may do it, as in a collection without a rule. */
export function requirementOf(collection: string, action: Action): Requirement | null {
  const rule = Object.hasOwn(RULES, collection) ? RULES[collection] : undefined;
  if (rule === undefined || rule[action].length === 0) return null;
  const path = pathOf(rule.path);
  return { path, roles: rule[action], own: collection === 'entries' || path[0] === 'entry_id' };
}

/** Return who may create this row. A marshal may create only crossings whose source is manual. */
export const mayCreate = (collection: string, { roles, ...requirement }: Requirement, payload: Row): Requirement => ({
  ...requirement,
  roles: collection === 'entry_crossings' && isByDevice(payload) ? roles.filter(isNoMarshal) : roles,
});

/** Return a hint why a row was refused, or ''. It depends only on the payload, so it reveals no stored row. */
export const advice = (collection: string, payload: Row): string =>
  collection === 'entry_crossings' && isByDevice(payload) ? ' A marshal chooses the source Manual.' : '';

/** Without a source, the database writes manual. */
const isByDevice = (payload: Row): boolean => payload['source'] !== undefined && payload['source'] !== 'manual';

const isNoMarshal = (role: string): boolean => role !== 'marshal';
