/** Reads requests about entries, and decides which crew members may be copied. Pure. */
import { InvalidBody } from '../lib/errors';
import { isKey } from '../lib/paths';
import { isRow, type Row } from '../lib/types';
import { disciplineOf, hasNumber, type Range } from '../discipline/rules';

export interface Registration {
  event_id: string;
  class_id: string;
  vehicle_id: string | null;
  race_number: number | null;
  role: string;
  copy_crew_from: string | null;
}

export interface CopyRequest {
  source_entry_id: string | null;
  dry_run: boolean;
}

function invalid(reason: string): never {
  throw new InvalidBody({ reason });
}

function required(body: Row, name: string): string {
  const value = body[name];
  return isKey(value) ? value : invalid(`${name} must be the id of a row.`);
}

const optional = (body: Row, name: string): string | null =>
  body[name] === undefined || body[name] === null ? null : required(body, name);

function bodyOf(given: unknown, known: readonly string[]): Row {
  if (!isRow(given)) return invalid('The body must be a JSON object.');
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  return unknown === undefined ? given : invalid(`This request does not take ${unknown}.`);
}

/** Read the body of a registration. Throws INVALID_BODY. */
export function registrationOf(given: unknown): Registration {
  const known = ['event_id', 'class_id', 'vehicle_id', 'race_number', 'role', 'copy_crew_from'];
  const body = bodyOf(given, known);
  const { race_number: number = null, role } = body;
  if (number !== null && !(typeof number === 'number' && Number.isInteger(number) && number > 0))
    invalid('race_number must be a whole number, at least 1.');
  if (typeof role !== 'string') invalid('role must be your role in the crew, such as pilot.');
  return {
    event_id: required(body, 'event_id'),
    class_id: required(body, 'class_id'),
    vehicle_id: optional(body, 'vehicle_id'),
    race_number: number,
    role: role,
    copy_crew_from: optional(body, 'copy_crew_from'),
  };
}

/** Read the body of a request to copy a crew. Throws INVALID_BODY. */
export function copyRequestOf(given: unknown): CopyRequest {
  const body = bodyOf(given ?? {}, ['source_entry_id', 'dry_run']);
  const { dry_run: dry = false } = body;
  if (typeof dry !== 'boolean') invalid('dry_run must be true or false.');
  return { source_entry_id: optional(body, 'source_entry_id'), dry_run: dry };
}

export interface Member {
  user_id: string;
  role: string;
}

export interface Copying {
  copied: Member[];
  skipped: { user_id: string; reason: 'already_in_crew' | 'not_org_member' | 'role_not_allowed' }[];
}

/** Return which crew members are copied, and why the others are skipped. there: who is in the target's crew already. */
export function copying(
  crew: readonly Member[],
  discipline: string,
  there: ReadonlySet<string>,
  members: ReadonlySet<string>,
): Copying {
  const found: Copying = { copied: [], skipped: [] };
  for (const { user_id, role } of crew) {
    if (there.has(user_id)) found.skipped.push({ user_id, reason: 'already_in_crew' });
    else if (!members.has(user_id)) found.skipped.push({ user_id, reason: 'not_org_member' });
    else if (disciplineOf(discipline)?.roles.includes(role) === false)
      found.skipped.push({ user_id, reason: 'role_not_allowed' });
    else found.copied.push({ user_id, role });
  }
  return found;
}

/** Return the lowest free number of a class; undefined if all are taken. */
export function lowestFree(taken: ReadonlySet<number>, range: Range): number | undefined {
  let number = range.min ?? 1;
  while (taken.has(number)) number += 1;
  return hasNumber(range, number) ? number : undefined;
}
