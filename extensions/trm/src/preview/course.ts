/** Reads from the database the place that would change, and what depends on it. */
import type { Knex } from 'knex';
import { InvalidBody } from '../lib/errors';
import type { Formula } from './costs';
import type { Waypoint, Zone } from './effects';
import type { Scope, Shapes } from './observed';
import type { Result } from './places';

/** A stage, and the time in which positions count for it. */
export interface Stage {
  id: string;
  from: Date;
  until: Date;
}

export interface StoredWaypoint extends Waypoint {
  segment_id: string;
  stage_id: string;
  event_id: string;
  geofence_id: string | null;
  tolerance_meters: number;
}

export interface StoredZone extends Zone {
  name: string;
  event_id: string;
  geofence_id: string;
  segment_id: string | null;
  stage_id: string | null;
  entry_buffer_m: number;
}

/** A special stage that starts or finishes at an area. */
export interface Timed {
  segment_id: string;
  stage_id: string;
  place: 'start' | 'finish';
}

const WAYPOINTS = `
SELECT w.id, w.type, w.mandatory, coalesce(w.closes_at_override, w.closes_at) AS closes_at, w.segment_id, s.stage_id,
  t.event_id, w.geofence_id, w.tolerance_meters
FROM waypoints w JOIN segments s ON s.id = w.segment_id JOIN stages t ON t.id = s.stage_id`;
const ZONES = `
SELECT z.id, z.name, z.speed_limit_kmh, z.tolerance_kmh, z.min_samples, z.entry_buffer_m, z.event_id, z.geofence_id,
  z.segment_id, s.stage_id
FROM speed_limit_zones z LEFT JOIN segments s ON s.id = z.segment_id`;
// A stage that has not opened begins at its planned start, or with the event. One that is not closed ends when the next
// one begins, or with the event.
const STAGES = `
SELECT t.id, coalesce(t.opened_at, t.starts_at, e.starts_at) AS "from",
  coalesce(t.closed_at, lead(coalesce(t.opened_at, t.starts_at)) OVER (ORDER BY t.sort_order), e.ends_at) AS until
FROM stages t JOIN events e ON e.id = t.event_id WHERE t.event_id = ? AND t.status <> 'cancelled'
ORDER BY t.sort_order`;
const WHOLE = 'SELECT starts_at AS "from", ends_at AS until FROM events WHERE id = ?';
const TIMED = `
SELECT s.id AS segment_id, s.stage_id, p.place
FROM segments s
CROSS JOIN LATERAL (VALUES ('start', s.entry_geofence_id), ('finish', s.exit_geofence_id)) AS p (place, area)
WHERE s.type = 'special-stage' AND p.area = ?`;

async function all<Found>(trx: Knex, sql: string, values: readonly string[]): Promise<Found[]> {
  const { rows } = await trx.raw<{ rows: Found[] }>(sql, [...values]);
  return rows;
}

export const waypointsBy = (trx: Knex, column: 'id' | 'geofence_id', value: string): Promise<StoredWaypoint[]> =>
  all(trx, `${WAYPOINTS} WHERE w.${column} = ?`, [value]);

export const zonesBy = (trx: Knex, column: 'id' | 'geofence_id', value: string): Promise<StoredZone[]> =>
  all(trx, `${ZONES} WHERE z.${column} = ?`, [value]);

export const stagesOf = (trx: Knex, event: string): Promise<Stage[]> => all(trx, STAGES, [event]);

export const timedBy = (trx: Knex, geofence: string): Promise<Timed[]> => all(trx, TIMED, [geofence]);

/** Return the time in which positions count for a place: during its stages, or the whole event if it has none. */
export async function scopeOf(trx: Knex, event: string, stages: readonly Stage[]): Promise<Scope> {
  const during = stages.length > 0 ? stages : await all<Omit<Stage, 'id'>>(trx, WHOLE, [event]);
  const [from, until] = [during.map((one) => one.from.getTime()), during.map((one) => one.until.getTime())];
  return { event, from: new Date(Math.min(...from)), until: new Date(Math.max(...until)) };
}

/** Return a stored shape, and the shape after the change. Throws INVALID_BODY for an outline that crosses itself. */
export async function shapesOf(
  trx: Knex,
  { table, column, id }: { table: string; column: string; id: string },
  changed: string | undefined,
): Promise<Shapes> {
  const { rows } = await trx.raw<{ rows: { old: string; new: string | null; is_valid: boolean | null }[] }>(
    `SELECT CAST(given.old AS text) AS old, CAST(given.new AS text) AS new, ST_IsValid(given.new) AS is_valid
     FROM (SELECT ?? AS old, ST_SetSRID(ST_GeomFromGeoJSON(?), 4326) AS new FROM ?? WHERE id = ?) AS given`,
    [column, changed ?? null, table, id],
  );
  const [found] = rows;
  if (found === undefined || found.is_valid === false)
    throw new InvalidBody({ reason: 'The outline crosses itself.' });
  return { old: found.old, new: found.new ?? found.old };
}

/** Return the enabled formulas of an event for some types. */
export async function formulasOf(trx: Knex, event: string, types: readonly string[]): Promise<Formula[]> {
  const rows = trx('penalty_formulas').where({ event_id: event, enabled: true }).whereIn('type', [...types]);
  const number = (value: unknown): number | null => (value === null ? null : Number(value));
  return ((await rows.select()) as Formula[]).map((formula) => ({
    ...formula,
    // Decimals of PostgreSQL arrive as texts.
    offence_min: number(formula.offence_min),
    offence_max: number(formula.offence_max),
  }));
}

/** Return the results of some stages. */
export async function resultsOf(trx: Knex, stages: readonly string[]): Promise<Result[]> {
  const joined = trx('stage_results as r').join('entries as e', 'e.id', 'r.entry_id');
  const own = joined.whereIn('r.stage_id', [...stages]);
  // Large numbers of PostgreSQL would arrive as texts.
  return (await own.select('r.*', 'e.race_number', trx.raw('CAST(r.total_time_ms AS float8)'))) as Result[];
}

interface Recorded {
  entry_id: string;
  stage_id: string;
  type: string;
  dedupe_key: string;
  status: string;
}

/** The recorded penalties: which of them the stewards decided, and how often an entry was too fast. */
export class Penalties {
  private constructor(private readonly rows: readonly Recorded[]) {}

  static async of(trx: Knex, event: string): Promise<Penalties> {
    const joined = trx('entry_penalties as p').join('entries as e', 'e.id', 'p.entry_id').where('e.event_id', event);
    const names = ['p.entry_id', 'p.stage_id', 'p.type', 'p.dedupe_key', 'p.status'];
    return new Penalties((await joined.whereNot('p.status', 'superseded').select(names)) as Recorded[]);
  }

  /** Return whether stewards overrode or waived an entry's penalty for a place. Its key begins with type and place. */
  isDecided(entry: string, type: string, place: string): boolean {
    const decided = this.rows.filter(({ status }) => status === 'overridden' || status === 'waived');
    return decided.some((row) => row.entry_id === entry && isOf(row, type, place));
  }

  /** Return how often an entry was too fast in other zones of a stage. */
  otherSpeeding(entry: string, stage: string | null, zone: string): number {
    const sped = this.rows.filter((row) => row.entry_id === entry && row.type === 'slz_speed');
    const elsewhere = sped.filter((row) => row.stage_id === stage && row.status !== 'waived');
    return elsewhere.filter((row) => !isOf(row, 'slz_speed', zone)).length;
  }
}

const isOf = ({ dedupe_key: key }: Recorded, type: string, place: string): boolean =>
  key === `${type}:${place}` || key.startsWith(`${type}:${place}:`);
