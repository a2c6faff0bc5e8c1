/** Writes the closing times of a stage, and says which can't be computed. */
import type { Knex } from 'knex';
import type { Row } from '../lib/types';
import { segmentCloses, waypointCloses, type Segment, type Waypoint } from './rules';

const number = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

async function segmentsOf(database: Knex, stage: string): Promise<Segment[]> {
  const last = database('entry_segment_starts as s')
    .join('entries as e', 'e.id', 's.entry_id')
    .whereRaw('s.segment_id = g.id')
    .whereNotIn('e.status', ['dns', 'withdrawn'])
    .max('s.target_at')
    .as('last_target');
  const rows: Segment[] = await database('segments as g').where('g.stage_id', stage).select('g.*').select(last);
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
  for (const segment of await segmentsOf(database, stage)) {
    closings.push({ table: 'segments', id: segment.id, at: segmentCloses(segment, mta) });
    for (const row of await database('waypoints').where('segment_id', segment.id).select<Waypoint[]>()) {
      const waypoint = { ...row, distance_km: number(row.distance_km) };
      closings.push({ table: 'waypoints', id: row.id, at: waypointCloses(segment, waypoint, mta) });
    }
  }
  return closings;
}

/** Write the closing times of a stage; return of how many segments and waypoints there is none. */
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

/** Tell a user, in the admin UI, of what has no closing time. */
export async function warn(
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
