/** Registers an entry, with the caller in its crew. */
import { isDirectusError } from '@directus/errors';
import type { Range } from '../discipline/rules';
import { RaceNumberTaken, TenantForbidden } from '../lib/errors';
import type { Row } from '../lib/types';
import { copyCrew, type Copied } from './crew';
import { asAdmin, roleIn, type RequestContext } from './request';
import { lowestFree, type Registration } from './rules';

const MAY_REGISTER = new Set(['org-admin', 'race-director', 'participant']);

export interface Registered {
  id: string;
  race_number: number;
  status: string;
  crew: { id: string; user_id: string; role: string };
  copied: Copied | null;
}

async function requireMember(context: RequestContext, event: string): Promise<void> {
  // The lock keeps two concurrent registrations from getting the same number.
  const found: Row | undefined = await context.trx('events').where('id', event).forUpdate().first('organization_id');
  const role = found === undefined ? undefined : await roleIn(context, String(found['organization_id']));
  if (context.accountability.admin && found !== undefined) return;
  if (role === undefined || !MAY_REGISTER.has(role))
    throw new TenantForbidden({ reason: 'You may not register for this event, or it does not exist.' });
}

async function freeNumber({ trx }: RequestContext, event: string, ofClass: string): Promise<number> {
  const rows = (await trx('entries').where('event_id', event).select('race_number')) as { race_number: number }[];
  const ends = trx('classes').where('id', ofClass);
  const range: Range | undefined = await ends.first('race_number_min as min', 'race_number_max as max');
  const taken = new Set(rows.map(({ race_number }) => race_number));
  // The database refuses a class that does not exist.
  const number = lowestFree(taken, range ?? { min: null, max: null });
  if (number !== undefined) return number;
  throw new RaceNumberTaken({ reason: 'All race numbers of this class are taken.' });
}

/** Create the entry and the caller's place in its crew, and copy the crew of an earlier entry if requested. */
export async function register(context: RequestContext, request: Registration): Promise<Registered> {
  const { event_id, class_id, vehicle_id, role } = request;
  await requireMember(context, event_id);
  const race_number = request.race_number ?? (await freeNumber(context, event_id, class_id));
  const entry = { event_id, class_id, vehicle_id, race_number, status: 'registered' };
  const id = await asAdmin(context, 'entries')
    .createOne(entry)
    .catch((error: unknown) => {
      if (isDirectusError(error, 'RECORD_NOT_UNIQUE'))
        throw new RaceNumberTaken({ reason: `The number ${String(race_number)} is taken in this event.` });
      throw error;
    });
  const member = { entry_id: String(id), user_id: context.user, role };
  const crew = { id: String(await asAdmin(context, 'entry_crew').createOne(member)), user_id: context.user, role };
  const { copy_crew_from: source } = request;
  const copying = { source_entry_id: source, dry_run: false };
  const copied = source === null ? null : await copyCrew(context, String(id), copying);
  return { id: String(id), race_number, status: 'registered', crew, copied };
}
