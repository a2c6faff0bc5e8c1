/** Writes the start list of a stage that opens, in the caller's transaction. */
import type { Knex } from 'knex';
import { InputStageNotOfficial, NoEligibleEntries, NoSegments, StartTimeMissing } from '../lib/errors';
import { offsets, positions, startOrder, targets, type Entry, type Params, type Result, type Segment } from './rules';

export interface Stage {
  id: string;
  event_id: string;
  sort_order: number;
  status: string;
  starts_at: Date | null;
  start_interval_seconds: number | null;
  start_order_strategy: string;
  start_order_strategy_params: Params | null;
  start_order_input_stage_id: string | null;
}

const OF_INPUT = new Set(['previous_stage_clean_result', 'inverse_top_n_then_natural']);

const entriesOf = (trx: Knex, event: string): Promise<Entry[]> =>
  trx('entries as e')
    .join('classes as c', 'c.id', 'e.class_id')
    .where('e.event_id', event)
    .whereIn('e.status', ['confirmed', 'started'])
    .select<Entry[]>('e.id', 'e.race_number', 'c.code as class_code');

interface Summed {
  entry_id: string;
  raw: string | null;
  total: string | null;
  stages: string;
}

/** Return the results that the start order of this stage depends on. */
async function resultsFor(trx: Knex, stage: Stage): Promise<Result[]> {
  const { start_order_strategy: strategy, start_order_input_stage_id: input } = stage;
  if (strategy === 'manual') return [];
  const official: unknown = await trx('stages').where({ id: input, status: 'official' }).first('id');
  if (official === undefined && (OF_INPUT.has(strategy) || input !== null))
    throw new InputStageNotOfficial({ reason: 'The stage that gives the start order has no official result yet.' });
  const results = trx('stage_results as r').join('stages as s', 's.id', 'r.stage_id').where('r.status', 'finished');
  if (OF_INPUT.has(strategy)) void results.where('r.stage_id', input);
  else void results.where('s.event_id', stage.event_id).where('s.sort_order', '<', stage.sort_order);
  const rows = (await results
    .groupBy('r.entry_id')
    .select('r.entry_id')
    .sum({ raw: 'r.raw_time_ms', total: 'r.total_time_ms' })
    .count({ stages: 'r.total_time_ms' })) as Summed[];
  const number = (text: string | null): number | null => (text === null ? null : Number(text));
  return rows.map(({ entry_id, raw, total, stages }) => ({
    entry_id,
    raw_ms: number(raw),
    total_ms: number(total),
    stages: Number(stages),
  }));
}

interface Start {
  entry: string;
  segment: string;
  position: number;
  target: Date | null;
}

/** Return, by segment, the positions of entries that were set by hand. */
async function keptOf(trx: Knex, segments: readonly Segment[]): Promise<Map<string, Map<string, number>>> {
  const found = new Map(segments.map(({ id }) => [id, new Map<string, number>()]));
  const rows = trx('entry_segment_starts').whereIn('segment_id', [...found.keys()]).where('manual_override', true);
  type Kept = { segment_id: string; entry_id: string; start_position: number };
  for (const row of (await rows.select('segment_id', 'entry_id', 'start_position')) as Kept[])
    found.get(row.segment_id)?.set(row.entry_id, row.start_position);
  return found;
}

/** Write the rows of all segments, and delete those of entries that do not start. Rows that were set by hand stay. */
async function write(trx: Knex, segments: readonly Segment[], starts: readonly Start[]): Promise<void> {
  const column = <Name extends keyof Start>(name: Name): Start[Name][] => starts.map((start) => start[name]);
  // With arrays, 1800 rows need only four parameters and one statement.
  await trx.raw(
    `DELETE FROM entry_segment_starts
      WHERE segment_id = ANY (?::uuid[]) AND NOT manual_override AND entry_id <> ALL (?::uuid[])`,
    [segments.map(({ id }) => id), [...new Set(column('entry'))]],
  );
  await trx.raw(
    `INSERT INTO entry_segment_starts AS s (id, entry_id, segment_id, start_position, target_at, manual_override)
      SELECT gen_random_uuid(), entry, segment, position, target, false
      FROM unnest(?::uuid[], ?::uuid[], ?::integer[], ?::timestamptz[]) AS given (entry, segment, position, target)
      ON CONFLICT (entry_id, segment_id) DO UPDATE
      SET start_position = excluded.start_position, target_at = excluded.target_at WHERE NOT s.manual_override`,
    [column('entry'), column('segment'), column('position'), column('target')],
  );
}

/** Write the start list of all segments. */
export async function writeStarts(trx: Knex, stage: Stage): Promise<void> {
  const segments = await trx('segments')
    .where('stage_id', stage.id)
    .orderBy('sort_order')
    .select<Segment[]>('id', 'target_duration_seconds');
  if (segments.length === 0) throw new NoSegments({ reason: 'The stage has no segment.' });
  const params = stage.start_order_strategy_params ?? {};
  if (stage.starts_at === null || (stage.start_interval_seconds === null && params.intervals === undefined))
    throw new StartTimeMissing({ reason: 'The stage needs the time of its first start, and an interval.' });
  const results = await resultsFor(trx, stage);
  const entries = await entriesOf(trx, stage.event_id);
  if (entries.length === 0) throw new NoEligibleEntries({ reason: 'No entry of the event is confirmed.' });
  const order = startOrder(stage.start_order_strategy, params, entries, results);
  const first = stage.starts_at.getTime();
  const kept = await keptOf(trx, segments);
  const starts = segments.flatMap(({ id }, index): Start[] => {
    const places = positions(order, kept.get(id) ?? new Map<string, number>());
    const seconds = offsets(places, stage.start_interval_seconds ?? 0, params);
    return [...places].map(([position, entry]) => {
      const start = new Date(first + (seconds.get(position) ?? 0) * 1000);
      return { entry: entry.id, segment: id, position, target: targets(start, segments)[index] ?? null };
    });
  });
  await write(trx, segments, starts);
}
