/** Computes the positions in a stage's results before and after times and penalties change. Pure. */
import { sum, type Outcome } from './costs';
import type { Counted } from './effects';

/** A stored result. */
export interface Result {
  stage_id: string;
  entry_id: string;
  race_number: number;
  status: string;
  publication: string;
  total_time_ms: number | null;
  penalty_seconds: number;
}

/** What changes for an entry in a stage. */
export interface Shift {
  time_ms: number;
  seconds: number;
  /** The outcome besides the seconds, before and after. */
  from: Outcome;
  to: Outcome;
}

export interface Place {
  position: number | null;
  total_time_ms: number | null;
  penalty_seconds: number;
}

export interface Moved {
  stage_id: string;
  entry_id: string;
  race_number: number;
  publication: string;
  before: Place;
  after: Place;
}

const NO_SHIFT: Shift = { time_ms: 0, seconds: 0, from: 'none', to: 'none' };
const STATUS: Readonly<Record<Outcome, string>> = { none: 'finished', mta: 'over_time', dnf: 'dnf', dq: 'dq' };
// Entries over time come after those that finished. Others have no position.
const RANKED = ['finished', 'over_time'];

function shifted(result: Result, { time_ms, seconds, from, to }: Shift): Result {
  const { total_time_ms: total, status, penalty_seconds } = result;
  // An entry that is out for another reason stays out.
  const stays = from === to || (status !== STATUS[from] && status !== 'finished');
  return {
    ...result,
    penalty_seconds: penalty_seconds + seconds,
    total_time_ms: total === null ? null : total + time_ms + seconds * 1000,
    status: stays ? status : STATUS[to],
  };
}

/** Return what changes for each entry of a stage. Penalties that stewards decided stay. The worst outcome counts. */
export function shiftsOf(found: readonly Counted[], stage: string): Map<string, Shift> {
  const inStage = found.filter(({ stage_id }) => stage_id === stage);
  const shift = (entry: string): Shift => {
    const own = inStage.filter(({ entry_id }) => entry_id === entry);
    const penalties = own.flatMap(({ undecided }) => undecided);
    const [before, after] = [sum(penalties.map((one) => one.before)), sum(penalties.map((one) => one.after))];
    return {
      time_ms: own.reduce((total, { time_ms }) => total + time_ms, 0),
      seconds: after.seconds - before.seconds,
      from: before.outcome,
      to: after.outcome,
    };
  };
  return new Map(inStage.map(({ entry_id }) => [entry_id, shift(entry_id)]));
}

/** Return the position of each result among those of its stage. Equal times have equal positions. */
function positions(results: readonly Result[]): (number | null)[] {
  const key = ({ status, total_time_ms: total }: Result): [number, number] | null => {
    const group = RANKED.indexOf(status);
    return group === -1 || total === null ? null : [group, total];
  };
  const keys = results.map(key);
  const isBefore = (left: [number, number], right: [number, number]): boolean =>
    left[0] < right[0] || (left[0] === right[0] && left[1] < right[1]);
  return keys.map((own) =>
    own === null ? null : 1 + keys.filter((other) => other !== null && isBefore(other, own)).length,
  );
}

/** Return the results of one stage that change, ordered by new position. shifts: by entry. */
export function moved(results: readonly Result[], shifts: ReadonlyMap<string, Shift>): Moved[] {
  const later = results.map((result) => shifted(result, shifts.get(result.entry_id) ?? NO_SHIFT));
  const [old, fresh] = [positions(results), positions(later)];
  const place = (result: Result, position: number | null | undefined): Place => ({
    position: position ?? null,
    total_time_ms: result.total_time_ms,
    penalty_seconds: result.penalty_seconds,
  });
  return results
    .map((result, index): Moved => {
      const { stage_id, entry_id, race_number, publication } = result;
      const [before, after] = [place(result, old[index]), place(later[index] ?? result, fresh[index])];
      return { stage_id, entry_id, race_number, publication, before, after };
    })
    .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after))
    .sort((left, right) => (left.after.position ?? Infinity) - (right.after.position ?? Infinity));
}
