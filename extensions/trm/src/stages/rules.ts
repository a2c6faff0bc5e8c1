/** Decides the changes of a stage's status, and the order and times of its starts. Pure. */

const NEXT: Readonly<Record<string, readonly string[]>> = {
  draft: ['published', 'cancelled'],
  published: ['draft', 'open', 'cancelled'],
  open: ['closed', 'cancelled'],
  closed: ['official'],
  official: ['closed'],
  cancelled: ['draft'],
};

/** Return whether a stage may change from one status to another. It may keep its status, but cannot open again. */
export const mayFollow = (status: string, next: string): boolean =>
  (status === next && next !== 'open') || (NEXT[status]?.includes(next) ?? false);

/** Return whether a new stage may have this status; true for an unknown status, which Directus refuses. */
export const mayBegin = (status: unknown): boolean =>
  typeof status !== 'string' || !Object.hasOwn(NEXT, status) || status === 'draft' || status === 'published';

export interface Entry {
  id: string;
  race_number: number;
  class_code: string;
}

/** The results of an entry in earlier stages; null if it is not classified. */
export interface Result {
  entry_id: string;
  /** The time in the input stage without penalties. */
  raw_ms: number | null;
  /** The time in the input stage, or in all earlier stages, with penalties. */
  total_ms: number | null;
  /** How many stages are in the total. */
  stages: number;
}

export interface Params {
  entry_ids?: readonly string[];
  n?: number;
  intervals?: readonly { to?: number; seconds: number }[];
  groups?: readonly string[];
  group_gap_seconds?: number;
}

type Key = (result: Result) => number | null;

/** Return the classified entries in the order of a key, and the others by race number. */
function classified(entries: readonly Entry[], results: readonly Result[], key: Key): [Entry[], Entry[]] {
  const keys = new Map(results.map((result) => [result.entry_id, key(result)]));
  const known = entries.filter((entry) => (keys.get(entry.id) ?? null) !== null);
  const first = (entry: Entry): number => keys.get(entry.id) ?? 0;
  return [
    known.sort((left, right) => first(left) - first(right) || left.race_number - right.race_number),
    natural(entries.filter((entry) => !known.includes(entry))),
  ];
}

const natural = (entries: readonly Entry[]): Entry[] =>
  [...entries].sort((left, right) => left.race_number - right.race_number);

const HOUR = 3_600_000;
// An entry that completed more stages comes first, whatever the times. So each stage counts as a million hours.
const overall: Key = ({ total_ms, stages }) => (total_ms === null ? null : total_ms - stages * HOUR * 1_000_000);

/** Return the entries in the order in which they start. */
export function startOrder(
  strategy: string,
  params: Params,
  entries: readonly Entry[],
  results: readonly Result[],
): Entry[] {
  return grouped(params.groups, ordered(strategy, params, entries, results));
}

function ordered(strategy: string, params: Params, entries: readonly Entry[], results: readonly Result[]): Entry[] {
  switch (strategy) {
    case 'previous_stage_clean_result':
      return classified(entries, results, ({ raw_ms }) => raw_ms).flat();
    case 'inverse_top_n_then_natural': {
      const [ranked, others] = classified(entries, results, ({ total_ms }) => total_ms);
      const top = ranked.splice(0, params.n ?? 0).reverse();
      return [...top, ...ranked, ...others];
    }
    case 'inverse_of_overall': {
      const [ranked, others] = classified(entries, results, overall);
      return [...ranked.reverse(), ...others];
    }
    default: {
      const wanted = new Map(params.entry_ids?.map((id, index) => [id, index]));
      const named = entries.filter((entry) => wanted.has(entry.id));
      named.sort((left, right) => (wanted.get(left.id) ?? 0) - (wanted.get(right.id) ?? 0));
      return [...named, ...natural(entries.filter((entry) => !wanted.has(entry.id)))];
    }
  }
}

/** Return the group of an entry, such as M of the class M-1. */
export const groupOf = ({ class_code: code }: Entry): string => code.split('-')[0] ?? code;

function grouped(groups: readonly string[] | undefined, order: Entry[]): Entry[] {
  if (groups === undefined) return order;
  const place = (entry: Entry): number => (groups.indexOf(groupOf(entry)) + groups.length + 1) % (groups.length + 1);
  return [...order].sort((left, right) => place(left) - place(right));
}

/** Return the entry at each position from 1 on. kept: the positions by entry that were set by hand. */
export function positions(order: readonly Entry[], kept: ReadonlyMap<string, number>): Map<number, Entry> {
  const taken = new Set(kept.values());
  const found = new Map<number, Entry>();
  let position = 0;
  for (const entry of order) {
    const own = kept.get(entry.id);
    if (own !== undefined) {
      found.set(own, entry);
      continue;
    }
    do position += 1;
    while (taken.has(position));
    found.set(position, entry);
  }
  return found;
}

/** Return, for each position, the seconds after the first start. */
export function offsets(places: ReadonlyMap<number, Entry>, interval: number, params: Params): Map<number, number> {
  const found = new Map<number, number>();
  let at = 0;
  let previous: Entry | undefined;
  for (let position = 1; position <= Math.max(0, ...places.keys()); position += 1) {
    const entry = places.get(position);
    const leaves = params.groups && previous && entry && groupOf(previous) !== groupOf(entry);
    const gap = leaves ? params.group_gap_seconds : undefined;
    if (position > 1) at += gap ?? secondsAfter(position - 1, interval, params);
    found.set(position, at);
    previous = entry ?? previous;
  }
  return found;
}

const secondsAfter = (position: number, interval: number, { intervals }: Params): number =>
  intervals?.find(({ to }) => to === undefined || position <= to)?.seconds ?? interval;

export interface Segment {
  id: string;
  target_duration_seconds: number | null;
}

/** Return an entry's start into each segment: the previous start plus its duration; null after an unknown duration. */
export function targets(start: Date, segments: readonly Segment[]): (Date | null)[] {
  let at: Date | null = start;
  return segments.map(({ target_duration_seconds: seconds }) => {
    const target: Date | null = at;
    at = at !== null && seconds !== null ? new Date(at.getTime() + seconds * 1000) : null;
    return target;
  });
}
