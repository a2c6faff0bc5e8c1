/** Computes what a change of a place means for the passes and penalties of each entry. Pure. */
import { costOf, type Cost, type Formula, type Offence, type Scopes } from './costs';
import type { Approach, Stay } from './observed';

/** An entry's passes of a place, before or after the change. */
export interface PassState {
  passes: number;
  at: Date | null;
  left_at: Date | null;
  distance_m: number | null;
  peak_kmh: number | null;
  /** For each pass that was too fast, the km/h above limit and tolerance. */
  speeding: number[];
}

export interface Penalty {
  type: string;
  before: Cost;
  after: Cost;
}

/** How the change of one place affects an entry. */
export interface Effect {
  entry_id: string;
  race_number: number;
  class_id: string;
  near: [longitude: number, latitude: number] | null;
  before: PassState;
  after: PassState;
  penalties: Penalty[];
  time_ms: number;
}

/** An effect, with the stage in which it counts; null if no stage was open. */
export interface Counted extends Effect {
  stage_id: string | null;
  /** The penalties that change results: not those that stewards decided. */
  undecided: Penalty[];
}

export interface Waypoint {
  id: string;
  type: string;
  mandatory: boolean;
  closes_at: Date | null;
}

export interface Zone {
  id: string;
  speed_limit_kmh: number;
  tolerance_kmh: number;
  min_samples: number;
}

export const ABSENT: PassState = {
  passes: 0,
  at: null,
  left_at: null,
  distance_m: null,
  peak_kmh: null,
  speeding: [],
};

/** Return the offences of an entry at a waypoint. */
export function atWaypoint({ type, mandatory, closes_at }: Waypoint, { passes, at }: PassState): Offence[] {
  if (!mandatory) return [];
  const offence = { key: type, value: 1, occurrence: 1 };
  if (passes === 0) return [{ ...offence, type: 'waypoint_missed' }];
  const late = closes_at !== null && at !== null && at > closes_at;
  return late ? [{ ...offence, type: 'checkpoint_closed' }] : [];
}

/** Return the offences of an entry in a speed zone. prior: the number of its offences in other zones of the stage. */
export const inZone = ({ speeding }: PassState, prior: number): Offence[] =>
  speeding.map((value, index) => ({ type: 'slz_speed', key: null, value, occurrence: prior + index + 1 }));

/** Return an entry's passes of a waypoint, before and after the change. */
export function approached(found: Approach): Pick<Effect, 'before' | 'after'> {
  const state = (distance_m: number, at: Date | null): PassState => ({
    ...ABSENT,
    passes: at === null ? 0 : 1,
    at,
    distance_m,
  });
  return { before: state(found.old_m, found.old_at), after: state(found.new_m, found.new_at) };
}

/** Return the km/h of a pass above limit and tolerance; undefined if it is no offence. */
function excess(speeds: readonly number[], { speed_limit_kmh, tolerance_kmh, min_samples }: Zone): number | undefined {
  const over = speeds.map((speed) => speed - speed_limit_kmh - tolerance_kmh).filter((one) => one > 0);
  // Rounding removes the error of single precision.
  return over.length >= min_samples ? Math.round(Math.max(...over) * 1000) / 1000 : undefined;
}

/** Return one entry's stays in an area as a state. zone: the speed zone, if the area is one. */
export function stayed(found: readonly Stay[], zone?: Zone): PassState {
  const [first] = found;
  if (first === undefined) return ABSENT;
  const speeds = found.flatMap((stay) => stay.speeds);
  const excesses = zone ? found.map((stay) => excess(stay.speeds, zone)) : [];
  return {
    ...ABSENT,
    passes: found.length,
    at: first.entered_at,
    left_at: first.left_at,
    peak_kmh: zone && speeds.length > 0 ? Math.max(...speeds) : null,
    speeding: excesses.filter((one) => one !== undefined),
  };
}

/** Return what offences of each type cost before and after, without types that cost the same. */
export function priced(
  formulas: readonly Formula[],
  scopes: Scopes,
  before: readonly Offence[],
  after: readonly Offence[],
): Penalty[] {
  const types = [...new Set([...before, ...after].map(({ type }) => type))].sort();
  return types
    .map((type) => {
      const cost = (offences: readonly Offence[]): Cost =>
        costOf(formulas, scopes, offences.filter((offence) => offence.type === type));
      return { type, before: cost(before), after: cost(after) };
    })
    .filter(({ before: old, after: fresh }) => old.seconds !== fresh.seconds || old.outcome !== fresh.outcome);
}

const moments = ({ at, left_at }: PassState): string => `${String(at?.getTime())} ${String(left_at?.getTime())}`;

/** Return whether the passes differ. At a point, time and distance do not count: they matter only for the cost. */
export const differs = (before: PassState, after: PassState): boolean =>
  before.passes !== after.passes ||
  before.speeding.join() !== after.speeding.join() ||
  (before.distance_m === null && moments(before) !== moments(after));

/** Return the change of the time between start and finish, in ms. Leaving the start and entering the finish count. */
export function timeShift(place: 'start' | 'finish', before: PassState, after: PassState): number {
  const moment = (state: PassState): number | undefined =>
    (place === 'start' ? state.left_at : state.at)?.getTime();
  const [old, fresh] = [moment(before), moment(after)];
  if (old === undefined || fresh === undefined) return 0;
  return place === 'start' ? old - fresh : fresh - old;
}
