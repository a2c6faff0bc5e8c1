/** Looks up whether a user has a role in the organisation that a row belongs to. */
import { isKey, walk, type Place } from '../lib/paths';
import type { Reading } from '../lib/types';
import type { Requirement } from './rules';

const PARTICIPANT = 'participant';
const MARSHAL = 'marshal';

/** Return whether the user has one of the required roles in the organisation of each of these rows. */
export async function mayReach(
  { database, schema }: Reading,
  user: string,
  { roles, own }: Requirement,
  { collection, path }: Omit<Place, 'key'>,
  keys: readonly unknown[],
): Promise<boolean> {
  const wanted = new Set(keys);
  if (![...wanted].every(isKey)) return false;
  const { query, end, tables } = walk(database, schema, collection, path);
  query.join('organization_users as m', 'm.organization_id', end).where('m.user_id', user);
  query.whereIn('t0.id', [...wanted] as string[]);
  const entry = tables.get('entries');
  const event = tables.get('events');
  query.where((either) => {
    either.whereIn('m.role', roles.filter((role) => role !== MARSHAL && (!own || role !== PARTICIPANT)));
    if (event !== undefined && roles.includes(MARSHAL)) {
      // A marshal's rights end with the event.
      const lasts = database.raw('now() BETWEEN ?? AND ??', [`${event}.starts_at`, `${event}.ends_at`]);
      void either.orWhere((marshal) => void marshal.where('m.role', MARSHAL).whereRaw(lasts));
    }
    if (!own || entry === undefined || !roles.includes(PARTICIPANT)) return;
    void either.orWhere((participant) => {
      const crew = database('entry_crew as c').whereRaw('c.entry_id = ??', [`${entry}.id`]).where('c.user_id', user);
      void participant.where('m.role', PARTICIPANT).where(`${entry}.status`, 'registered').whereExists(crew);
    });
  });
  const found = (await query.countDistinct('t0.id as n').first()) as { n: string | number } | undefined;
  return Number(found?.n ?? 0) === wanted.size;
}

/** Return whether the user has one of these roles in any organisation. */
export async function isMemberSomewhere(reading: Reading, user: string, roles: readonly string[]): Promise<boolean> {
  const memberships = reading.database('organization_users').where('user_id', user);
  const found: unknown = await memberships.whereIn('role', roles).first('id');
  return found !== undefined;
}
