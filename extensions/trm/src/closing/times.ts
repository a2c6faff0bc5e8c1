/** Writes the closing times of a stage, and counts those that can't be computed. */
import type { Knex } from 'knex';
import type { Row } from '../lib/types';
import { segmentCloses, waypointCloses, type Segment, type Waypoint } from './rules';

const number = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

async function segmentsOf(database: Knex, stage: string): Promise<Segment[]> {
  const segments = database('segments').where('stage_id', stage);
  const last = database('entry_segment_starts as s')
    .join('entries as e', 'e.id', 's.entry_id')
    .whereIn('s.segment_id', segments.clone().select('id'))
    .whereNotIn('e.status', ['dns', 'withdrawn'])
    .groupBy('s.segment_id')
    .select('s.segment_id as id')
    .max('s.target_at as last_target')
    .as('l');
  const rows: Segment[] = await segments.leftJoin(last, 'l.id', 'segments.id').select('segments.*', 'l.last_target');
  return rows.map((row) => ({ ...row, distance_km: number(row.distance_km) }));
}

interface Closing {
  table: string;
  id: string;
  at: Date | null;
}

async function computed(database: Knex, stage: string): Promise<Closing[]> {
  const found: Row | undefined = await database('stages').where('id', stage).first('mta_seconds');
  const mta = number(found?.['mta_seconds']);
  const closings: Closing[] = [];
  const segments = new Map((await segmentsOf(database, stage)).map((segment) => [segment.id, segment]));
  for (const segment of segments.values())
    closings.push({ table: 'segments', id: segment.id, at: segmentCloses(segment, mta) });
  const waypoints = database('waypoints').whereIn('segment_id', [...segments.keys()]);
  for (const row of await waypoints.select<(Waypoint & { segment_id: string })[]>()) {
    const segment = segments.get(row.segment_id);
    const waypoint = { ...row, distance_km: number(row.distance_km) };
    if (segment) closings.push({ table: 'waypoints', id: row.id, at: waypointCloses(segment, waypoint, mta) });
  }
  return closings;
}

/** Write the closing times of a stage; return how many segments and waypoints have none. */
export async function close(database: Knex, stage: string): Promise<number> {
  const closings = await computed(database, stage);
  for (const table of ['segments', 'waypoints']) {
    const of = closings.filter((closing) => closing.table === table);
    await database.raw(
      `UPDATE ?? t SET closes_at = c.at FROM unnest(?::uuid[], ?::timestamptz[]) AS c (id, at)
        WHERE t.id = c.id AND t.closes_at IS DISTINCT FROM c.at`,
      [table, of.map(({ id }) => id), of.map(({ at }) => at)],
    );
  }
  return closings.filter(({ at }) => at === null).length;
}

/** Notify a user in the admin UI how many closing times are missing. */
export async function notifyMissing(
  database: Knex,
  logger: { warn: (text: string) => void },
  user: string | null,
  stage: string,
  missing: number,
): Promise<void> {
  if (missing === 0) return;
  const found: Row | undefined = await database('stages').where('id', stage).first('name');
  const subject = `${String(found?.['name'])}: ${String(missing)} closing times can't be computed`;
  logger.warn(subject);
  if (user === null) return;
  const message = 'They are empty. Set a maximum time and distances, or a closing time by hand.';
  await database('directus_notifications').insert({
    recipient: user,
    status: 'inbox',
    subject,
    message,
    collection: 'stages',
    item: stage,
    timestamp: database.fn.now(),
  });
}
