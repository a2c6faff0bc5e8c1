/** Copies a crew from one entry to another. */
import { CrossOrg, EntryNotFound, Forbidden, NoPreviousEntry, SameEntry, TargetLocked } from '../lib/errors';
import type { Row } from '../lib/types';
import { asUser, roleIn, type RequestContext } from './request';
import { copying, type Copying, type CopyRequest, type Member } from './rules';

interface Entry {
  id: string;
  status: string;
  vehicle_id: string | null;
  organization_id: string;
  starts_at: Date;
  discipline: string;
}

export interface Copied {
  source_entry_id: string;
  copied: (Member & { id: string | null })[];
  skipped: Copying['skipped'];
  dry_run: boolean;
}

const STEWARDS = new Set(['org-admin', 'race-director']);

/** Return an entry that the user may read. Throws ENTRY_NOT_FOUND. */
async function readable(context: RequestContext, id: string): Promise<Entry> {
  const query = { filter: { id: { _eq: id } }, fields: ['id'], limit: 1 };
  const [seen] = await asUser(context, 'entries').readByQuery(query);
  const joined = context.trx('entries as e').join('events as v', 'v.id', 'e.event_id').where('e.id', id);
  const entry: Entry | undefined = await joined.first('e.*', 'v.organization_id', 'v.starts_at', 'v.discipline');
  if (seen === undefined || entry === undefined) throw new EntryNotFound({ reason: 'There is no such entry.' });
  return entry;
}

async function crewOf({ trx }: RequestContext, entry: string): Promise<Member[]> {
  const crew = trx('entry_crew').where('entry_id', entry).orderBy('created_at').orderBy('id');
  return (await crew.select('user_id', 'role')) as Member[];
}

async function requireAllowed(context: RequestContext, target: Entry, crew: readonly Member[]): Promise<void> {
  const role = await roleIn(context, target.organization_id);
  const steward = context.accountability.admin || (role !== undefined && STEWARDS.has(role));
  const mine = crew.some(({ user_id }) => user_id === context.user) && role !== undefined;
  if (!steward && !mine) throw new Forbidden({ reason: 'Only organisers and the crew itself may change a crew.' });
  // The crew itself may change only until the entry is confirmed.
  const open = steward ? ['registered', 'confirmed'] : ['registered'];
  if (!open.includes(target.status)) throw new TargetLocked({ reason: `The entry is ${target.status} already.` });
}

/** Return the entry of the latest earlier event with the same vehicle; without a vehicle, with the user in its crew. */
async function previous({ trx, user }: RequestContext, target: Entry): Promise<string> {
  const entries = trx('entries as e')
    .join('events as v', 'v.id', 'e.event_id')
    .where('v.organization_id', target.organization_id)
    .where('v.starts_at', '<', target.starts_at)
    .whereNot('e.status', 'withdrawn')
    .orderBy('v.starts_at', 'desc')
    .orderBy('e.race_number');
  if (target.vehicle_id !== null) void entries.where('e.vehicle_id', target.vehicle_id);
  else void entries.whereIn('e.id', trx('entry_crew').where('user_id', user).select('entry_id'));
  const found: Row | undefined = await entries.first('e.id');
  if (found === undefined) throw new NoPreviousEntry({ reason: 'No earlier event has an entry to copy from.' });
  return String(found['id']);
}

async function sourceOf(context: RequestContext, target: Entry, given: string | null): Promise<string> {
  if (given === null) return previous(context, target);
  if (given === target.id) throw new SameEntry({ reason: 'A crew cannot be copied to its own entry.' });
  const source = await readable(context, given);
  if (source.organization_id === target.organization_id) return source.id;
  throw new CrossOrg({ reason: 'The other entry belongs to another organisation.' });
}

/** Copy the crew members that may be copied. A dry run only returns who they are. */
export async function copyCrew(context: RequestContext, id: string, request: CopyRequest): Promise<Copied> {
  const { trx } = context;
  const target = await readable(context, id);
  const there = await crewOf(context, target.id);
  await requireAllowed(context, target, there);
  const source = await sourceOf(context, target, request.source_entry_id);
  const memberships = trx('organization_users').where('organization_id', target.organization_id);
  const members = (await memberships.select('user_id')) as Member[];
  const ids = (rows: readonly Member[]): Set<string> => new Set(rows.map(({ user_id }) => user_id));
  const found = copying(await crewOf(context, source), target.discipline, ids(there), ids(members));
  const copied: Copied['copied'] = [];
  for (const member of found.copied) {
    const row = { ...member, entry_id: target.id };
    copied.push({ ...member, id: request.dry_run ? null : String(await asUser(context, 'entry_crew').createOne(row)) });
  }
  return { source_entry_id: source, copied, skipped: found.skipped, dry_run: request.dry_run };
}
