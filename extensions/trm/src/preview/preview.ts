/** Computes what a change of a place would do to passes, penalties and results. Only reads. */
import type { Knex } from 'knex';
import type { Scopes } from './costs';
import {
  formulasOf,
  Penalties,
  resultsOf,
  scopeOf,
  shapesOf,
  stagesOf,
  timedBy,
  waypointsBy,
  zonesBy,
  type Stage,
  type StoredWaypoint,
  type StoredZone,
} from './course';
import {
  approached,
  atWaypoint,
  differs,
  inZone,
  priced,
  stayed,
  timeShift,
  type Counted,
  type PassState,
  type Zone,
} from './effects';
import { approaches, stays, type Shapes, type Stay } from './observed';
import { moved, shiftsOf, type Moved } from './places';
import type { Change, PreviewRequest } from './request';

/** An effect as the answer shows it. */
interface Entry extends Omit<Counted, 'undecided'> {
  decided: boolean;
}

export interface Preview {
  /** Whether the change also applies to earlier crossings, as the geofence's field says. */
  retroactive: boolean;
  entries: Entry[];
  results: Moved[];
}

interface Work {
  trx: Knex;
  event: string;
  stages: Stage[];
  penalties: Penalties;
}

const TYPES = ['slz_speed', 'waypoint_missed', 'checkpoint_closed'];

async function workOn(trx: Knex, event: string): Promise<Work> {
  return { trx, event, stages: await stagesOf(trx, event), penalties: await Penalties.of(trx, event) };
}

const stageAt = ({ stages }: Work, at: Date | null): string | null =>
  stages.find(({ from, until }) => at !== null && at >= from && at < until)?.id ?? null;

/** Return some stages of the event. */
const stagesBy = ({ stages }: Work, ids: ReadonlySet<string | null>): Stage[] => stages.filter(({ id }) => ids.has(id));

/** Return the scopes of a formula for an entry, the most specific first. */
const scopes = (places: Scopes, segment: string | null, stage: string | null, ofClass: string): Scopes => [
  ...places,
  ...(segment === null ? [] : [['segment', segment] as const]),
  ...(stage === null ? [] : [['stage', stage] as const]),
  ['class', ofClass],
  ['event', null],
];

async function waypoint(work: Work, stored: StoredWaypoint, change: Change): Promise<Counted[]> {
  const { trx, event, penalties } = work;
  // A waypoint with a geofence is passed by crossing that, so its location and tolerance do not matter.
  if (stored.geofence_id !== null) return [];
  const shapes = await shapesOf(trx, { table: 'waypoints', column: 'location', id: stored.id }, change.location);
  const tolerance = { old: stored.tolerance_meters, new: change.tolerance_meters ?? stored.tolerance_meters };
  const scope = await scopeOf(trx, event, stagesBy(work, new Set([stored.stage_id])));
  const formulas = await formulasOf(trx, event, TYPES);
  return (await approaches(trx, scope, shapes, tolerance)).map((found): Counted => {
    const { entry_id, race_number, class_id, longitude, latitude } = found;
    const { before, after } = approached(found);
    const own = scopes([['waypoint', stored.id]], stored.segment_id, stored.stage_id, class_id);
    const costs = priced(formulas, own, atWaypoint(stored, before), atWaypoint(stored, after));
    return {
      ...{ entry_id, race_number, class_id, before, after, penalties: costs, time_ms: 0 },
      near: [longitude, latitude],
      stage_id: stored.stage_id,
      undecided: costs.filter(({ type }) => !penalties.isDecided(entry_id, type, stored.id)),
    };
  });
}

interface Pair {
  first: Stay;
  old: Stay[];
  fresh: Stay[];
}

/** Return the stays of each entry, before and after the change. */
function byEntry(found: readonly Stay[]): Pair[] {
  const entries = [...new Set(found.map(({ entry_id }) => entry_id))];
  return entries.flatMap((entry) => {
    const own = found.filter(({ entry_id }) => entry_id === entry);
    const [first] = own;
    const of = (state: string): Stay[] => own.filter((stay) => stay.state === state);
    return first === undefined ? [] : [{ first, old: of('old'), fresh: of('new') }];
  });
}

const effect = ({ first }: Pair, before: PassState, after: PassState): Omit<Counted, 'stage_id'> => ({
  entry_id: first.entry_id,
  race_number: first.race_number,
  class_id: first.class_id,
  near: [first.longitude, first.latitude],
  before,
  after,
  penalties: [],
  time_ms: 0,
  undecided: [],
});

/** Return the effects in a speed zone. changed: the zone after the change. shapes: its area before and after. */
async function zone(work: Work, stored: StoredZone, changed: Zone, shapes: Shapes): Promise<Counted[]> {
  const { trx, event, penalties } = work;
  const scope = await scopeOf(trx, event, stagesBy(work, new Set([stored.stage_id])));
  const formulas = await formulasOf(trx, event, TYPES);
  const places: Scopes = [['speed_limit_zone', stored.id], ['geofence', stored.geofence_id]];
  return byEntry(await stays(trx, scope, shapes, stored.entry_buffer_m)).map((pair): Counted => {
    const { entry_id, class_id, entered_at } = pair.first;
    const [before, after] = [stayed(pair.old, stored), stayed(pair.fresh, changed)];
    const stage_id = stored.stage_id ?? stageAt(work, entered_at);
    const prior = penalties.otherSpeeding(entry_id, stage_id, stored.id);
    const own = scopes(places, stored.segment_id, stage_id, class_id);
    const costs = priced(formulas, own, inZone(before, prior), inZone(after, prior));
    const undecided = penalties.isDecided(entry_id, 'slz_speed', stored.id) ? [] : costs;
    return { ...effect(pair, before, after), penalties: costs, stage_id, undecided };
  });
}

/** Return the effects of crossings of an area: on the times of special stages, and on waypoints with this geofence. */
async function crossings(work: Work, id: string, shapes: Shapes): Promise<Counted[]> {
  const { trx, event, penalties } = work;
  const [timed, watched] = [await timedBy(trx, id), await waypointsBy(trx, 'geofence_id', id)];
  const formulas = await formulasOf(trx, event, TYPES);
  const stages = new Set([...timed, ...watched].map(({ stage_id }) => stage_id));
  const pairs = byEntry(await stays(trx, await scopeOf(trx, event, stagesBy(work, stages)), shapes, 0));
  const during = (found: readonly Stay[], stage: string | null): Stay[] =>
    stage === null ? [...found] : found.filter(({ entered_at }) => stageAt(work, entered_at) === stage);
  return pairs.flatMap((pair) =>
    (stages.size === 0 ? [null] : [...stages]).map((stage_id): Counted => {
      const [before, after] = [stayed(during(pair.old, stage_id)), stayed(during(pair.fresh, stage_id))];
      const ends = timed.filter((one) => one.stage_id === stage_id);
      const shifts = ends.map(({ place }) => timeShift(place, before, after));
      const { entry_id, class_id } = pair.first;
      const costs = watched
        .filter((point) => point.stage_id === stage_id)
        .map((point) => {
          const own = scopes([['waypoint', point.id], ['geofence', id]], point.segment_id, stage_id, class_id);
          const found = priced(formulas, own, atWaypoint(point, before), atWaypoint(point, after));
          return { found, undecided: found.filter(({ type }) => !penalties.isDecided(entry_id, type, point.id)) };
        });
      return {
        ...effect(pair, before, after),
        stage_id,
        penalties: costs.flatMap(({ found }) => found),
        time_ms: shifts.reduce((left, right) => left + right, 0),
        undecided: costs.flatMap(({ undecided }) => undecided),
      };
    }),
  );
}

async function geofence(work: Work, id: string, change: Change): Promise<Counted[]> {
  const shapes = await shapesOf(work.trx, { table: 'geofences', column: 'geometry', id }, change.geometry);
  const found = await crossings(work, id, shapes);
  for (const stored of await zonesBy(work.trx, 'geofence_id', id)) {
    const sped = await zone(work, stored, stored, shapes);
    // For a speed zone, a longer or shorter stay alone changes nothing.
    found.push(...sped.filter(({ before, after }) => before.speeding.join() !== after.speeding.join()));
  }
  return found;
}

async function effects(work: Work, { collection, id, change }: PreviewRequest): Promise<Counted[]> {
  if (collection === 'geofences') return geofence(work, id, change);
  if (collection === 'waypoints') {
    const [stored] = await waypointsBy(work.trx, 'id', id);
    return stored === undefined ? [] : waypoint(work, stored, change);
  }
  const [stored] = await zonesBy(work.trx, 'id', id);
  if (stored === undefined) return [];
  const { tolerance_kmh = stored.tolerance_kmh, speed_limit_kmh = stored.speed_limit_kmh } = change;
  const area = { table: 'geofences', column: 'geometry', id: stored.geofence_id };
  const shapes = await shapesOf(work.trx, area, undefined);
  return zone(work, stored, { ...stored, tolerance_kmh, speed_limit_kmh }, shapes);
}

const shown = ({ undecided, ...effect }: Counted): Entry => ({
  ...effect,
  decided: undecided.length < effect.penalties.length,
});

const EVENTS = {
  geofences: 'SELECT event_id, retroactive FROM geofences WHERE id = ?',
  speed_limit_zones: 'SELECT event_id, true AS retroactive FROM speed_limit_zones WHERE id = ?',
  waypoints: `SELECT t.event_id, true AS retroactive FROM waypoints w JOIN segments s ON s.id = w.segment_id
    JOIN stages t ON t.id = s.stage_id WHERE w.id = ?`,
};

/** Return what a change would do. The caller has checked that the place exists and that the user may change it. */
export async function preview(trx: Knex, request: PreviewRequest): Promise<Preview> {
  const { rows } = await trx.raw<{ rows: { event_id: string; retroactive: boolean }[] }>(
    EVENTS[request.collection],
    [request.id],
  );
  const [place] = rows;
  if (place === undefined) return { retroactive: false, entries: [], results: [] };
  const work = await workOn(trx, place.event_id);
  const found = (await effects(work, request)).filter(
    ({ before, after, penalties }) => differs(before, after) || penalties.length > 0,
  );
  const stages = [...new Set(found.flatMap(({ stage_id }) => stage_id ?? []))];
  const results = await resultsOf(trx, stages);
  return {
    retroactive: place.retroactive,
    entries: found.map(shown),
    results: stages.flatMap((stage) =>
      moved(results.filter(({ stage_id }) => stage_id === stage), shiftsOf(found, stage)),
    ),
  };
}
