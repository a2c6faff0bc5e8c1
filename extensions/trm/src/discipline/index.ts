/** Requires that entries and crews follow the discipline of their event, and race numbers the range of their class. */
import type { HookConfig, PrimaryKey } from '@directus/types';
import {
  CrewRoleNotAllowed,
  DisciplineLocked,
  RaceNumberOutOfRange,
  VehicleNotAllowed,
  VehicleRequired,
} from '../lib/errors';
import { isKey } from '../lib/paths';
import type { Reading, Row } from '../lib/types';
import { merged, readingOf, valueAt } from '../lib/values';
import { disciplineOf, hasNumber, mayServe, rangeWords, vehicleFault, type Range } from './rules';

async function requireVehicleRule(reading: Reading, row: Row): Promise<void> {
  const name = await valueAt(reading, 'entries', ['event_id', 'discipline'], row);
  const discipline = disciplineOf(name);
  if (discipline === undefined) return;
  const fault = vehicleFault(discipline, (await valueAt(reading, 'entries', ['vehicle_id'], row)) !== undefined);
  if (fault === 'missing') throw new VehicleRequired({ reason: `An entry of a ${String(name)} needs a vehicle.` });
  if (fault === 'surplus') throw new VehicleNotAllowed({ reason: `An entry of a ${String(name)} takes no vehicle.` });
}

async function requireNumberInRange(reading: Reading, row: Row): Promise<void> {
  const number = await valueAt(reading, 'entries', ['race_number'], row);
  const end = async (field: string): Promise<number | null> =>
    ((await valueAt(reading, 'entries', ['class_id', field], row)) as number | undefined) ?? null;
  const range: Range = { min: await end('race_number_min'), max: await end('race_number_max') };
  if (hasNumber(range, number)) return;
  const code = await valueAt(reading, 'entries', ['class_id', 'code'], row);
  const name = typeof code === 'string' ? code : 'its class';
  const reason = `The race number ${String(number)} does not fit ${name}, whose numbers go ${rangeWords(range)}.`;
  throw new RaceNumberOutOfRange({ reason });
}

async function requireCrewRole(reading: Reading, row: Row): Promise<void> {
  const name = await valueAt(reading, 'entry_crew', ['entry_id', 'event_id', 'discipline'], row);
  const discipline = disciplineOf(name);
  if (discipline === undefined || mayServe(discipline, row['role'])) return;
  const reason = `A crew of a ${String(name)} has no ${String(row['role'])}, only: ${discipline.roles.join(', ')}.`;
  throw new CrewRoleNotAllowed({ reason });
}

async function requireUnlocked({ database }: Reading, keys: readonly PrimaryKey[], discipline: unknown): Promise<void> {
  const changed = database('events').whereIn('id', keys.filter(isKey)).whereNot('discipline', String(discipline));
  const locked: Row | undefined = await changed.whereIn('id', database('entries').select('event_id')).first('name');
  if (locked === undefined) return;
  const reason = `${String(locked['name'])} has entries, so its discipline cannot change.`;
  throw new DisciplineLocked({ reason });
}

/** The checks: a collection, the fields that its check depends on, and the function that checks. */
const CHECKS = [
  { collection: 'entries', fields: ['event_id', 'vehicle_id'], check: requireVehicleRule },
  { collection: 'entries', fields: ['class_id', 'race_number'], check: requireNumberInRange },
  { collection: 'entry_crew', fields: ['entry_id', 'role'], check: requireCrewRole },
] as const;

const discipline: HookConfig = ({ filter }, { getSchema }) => {
  for (const { collection, fields, check } of CHECKS) {
    filter<Row>(`${collection}.items.create`, async (payload, _meta, context) => {
      await check(await readingOf(context, getSchema), payload);
      return payload;
    });
    filter<Row>(`${collection}.items.update`, async (payload, { keys }, context) => {
      if (!fields.some((field) => field in payload)) return payload;
      const reading = await readingOf(context, getSchema);
      const rows = await merged(reading, collection, keys as PrimaryKey[], fields, payload);
      for (const row of rows) await check(reading, row);
      return payload;
    });
  }
  filter<Row>('events.items.update', async (payload, { keys }, context) => {
    const reading = await readingOf(context, getSchema);
    if ('discipline' in payload) await requireUnlocked(reading, keys as PrimaryKey[], payload['discipline']);
    return payload;
  });
};

export default discipline;
