/** What the recorded positions say of a place as it is and as it would be. All SQL over positions is here. */
import type { Knex } from 'knex';

/** Which positions are read: of the entries of one event, in a stretch of time. */
export interface Scope {
  event: string;
  from: Date;
  until: Date;
}

/** A shape as it is and as it would be, as PostGIS writes it. */
export interface Shapes {
  old: string;
  new: string;
}

// Two positions further apart in time say nothing of the way between them.
const GAP_SECONDS = 60;
// How far around a place positions are read, so that the way of who passes quickly is seen.
const REACH_METERS = 2000;
const METERS_OF_A_DEGREE = 111_000;

// Faulty positions do not count, nor those without satellites, and a device counts for the entry that it serves then.
// A way is the line from the position before, or the position alone.
const LEGS = `
  place AS (
    SELECT old, new, ST_Expand(box, degrees / greatest(cos(radians(ST_YMax(box))), 0.01), degrees) AS around
    FROM (SELECT *, ST_Envelope(ST_Collect(old, new)) AS box, CAST(:reach AS float8) AS degrees
      FROM (SELECT CAST(:old AS geometry) AS old, CAST(:new AS geometry) AS new) AS given) AS boxed
  ), track AS (
    SELECT e.id AS entry_id, e.race_number, e.class_id, p.device_id, p.ts, p.speed,
      ST_SetSRID(ST_MakePoint(p.longitude, p.latitude), 4326) AS fix
    FROM place
    CROSS JOIN entries e
    JOIN entry_devices ed ON ed.entry_id = e.id
    JOIN devices d ON d.id = ed.device_id
    JOIN positions p ON p.device_id = d.imei AND p.ts <@ tstzrange(ed.from_at, ed.until_at)
    WHERE e.event_id = :event AND p.ts >= :from AND p.ts < :until AND p.faulty = false AND p.satellites > 0
      AND p.longitude BETWEEN ST_XMin(around) AND ST_XMax(around)
      AND p.latitude BETWEEN ST_YMin(around) AND ST_YMax(around)
  ), timed AS (
    SELECT *, CASE WHEN ts - lag(ts) OVER w <= :gap * interval '1 s' THEN lag(ts) OVER w END AS since,
      lag(fix) OVER w AS before
    FROM track WINDOW w AS (PARTITION BY entry_id, device_id ORDER BY ts)
  ), legs AS (
    SELECT *, CASE WHEN since IS NULL OR before = fix THEN fix ELSE ST_MakeLine(before, fix) END AS way FROM timed
  )`;

const near = (scope: Scope, shapes: Shapes, reach: number): Record<string, string | number | Date> => ({
  ...scope,
  ...shapes,
  reach: reach / METERS_OF_A_DEGREE,
  gap: GAP_SECONDS,
});

/** How near an entry came to a point, and when it first was near enough. */
export interface Approach {
  entry_id: string;
  race_number: number;
  class_id: string;
  old_m: number;
  new_m: number;
  old_at: Date | null;
  new_at: Date | null;
  longitude: number;
  latitude: number;
}

// To the centimetre: a position is no better, and who is at the edge is near enough.
const APPROACHES = `
WITH ${LEGS}, measured AS (
  SELECT legs.*, round(100 * ST_Distance(CAST(way AS geography), CAST(old AS geography))) / 100 AS old_m,
    round(100 * ST_Distance(CAST(way AS geography), CAST(new AS geography))) / 100 AS new_m
  FROM legs CROSS JOIN place
)
SELECT entry_id, race_number, class_id, min(old_m) AS old_m, min(new_m) AS new_m,
  min(ts) FILTER (WHERE old_m <= :oldTolerance) AS old_at, min(ts) FILTER (WHERE new_m <= :newTolerance) AS new_at,
  (array_agg(ST_X(fix) ORDER BY new_m, ts))[1] AS longitude, (array_agg(ST_Y(fix) ORDER BY new_m, ts))[1] AS latitude
FROM measured GROUP BY entry_id, race_number, class_id ORDER BY race_number`;

/** Return how near the entries came to a point. tolerance: how near is enough, as it is and as it would be. */
export async function approaches(
  trx: Knex,
  scope: Scope,
  shapes: Shapes,
  tolerance: { old: number; new: number },
): Promise<Approach[]> {
  const reach = Math.max(tolerance.old, tolerance.new) + REACH_METERS;
  const asked = { ...near(scope, shapes, reach), oldTolerance: tolerance.old, newTolerance: tolerance.new };
  const { rows } = await trx.raw<{ rows: Approach[] }>(APPROACHES, asked);
  return rows;
}

/** One stay of an entry in an area. speeds: those behind the entry of the area, in km/h. */
export interface Stay {
  state: 'old' | 'new';
  entry_id: string;
  race_number: number;
  class_id: string;
  entered_at: Date;
  left_at: Date;
  speeds: number[];
  longitude: number;
  latitude: number;
}

// Of several devices the one with the most positions counts. Between two positions the moment of crossing the outline
// follows from where the way between them meets it. A stay ends with a position outside, or without the next one.
const STAYS = `
WITH ${LEGS}, chosen AS (
  SELECT DISTINCT ON (entry_id) entry_id, device_id FROM legs
  GROUP BY entry_id, device_id ORDER BY entry_id, count(*) DESC, device_id
), hits AS (
  SELECT s.state, legs.*, ST_Covers(s.shape, fix) AS inside,
    coalesce(since, ts) + (ts - coalesce(since, ts)) * coalesce(met.first, 0) AS entered,
    coalesce(since, ts) + (ts - coalesce(since, ts)) * coalesce(met.last, 1) AS "left",
    ST_Length(CAST(ST_Intersection(s.shape, way) AS geography)) AS meters
  FROM legs JOIN chosen USING (entry_id, device_id)
  CROSS JOIN place
  JOIN LATERAL (VALUES ('old', old), ('new', new)) AS s (state, shape) ON ST_Intersects(s.shape, way)
  LEFT JOIN LATERAL (
    SELECT min(at) AS first, max(at) AS last
    FROM ST_DumpPoints(ST_Intersection(s.shape, way)) AS point
    CROSS JOIN LATERAL (
      SELECT CASE WHEN GeometryType(way) = 'LINESTRING' THEN ST_LineLocatePoint(way, point.geom) END AS at
    ) AS cut
  ) AS met ON true
), begun AS (
  SELECT *, coalesce(since IS DISTINCT FROM lag(ts) OVER w OR NOT lag(inside) OVER w, true) AS is_first
  FROM hits WINDOW w AS (PARTITION BY state, entry_id ORDER BY ts)
), numbered AS (
  SELECT *, sum(CAST(is_first AS integer)) OVER (PARTITION BY state, entry_id ORDER BY ts) AS stay FROM begun
), behind AS (
  SELECT *, sum(meters) OVER (PARTITION BY state, entry_id, stay ORDER BY ts) AS so_far FROM numbered
)
SELECT state, entry_id, race_number, class_id, min(entered) AS entered_at, max("left") AS left_at,
  coalesce(array_agg(CAST(speed AS float8) ORDER BY ts) FILTER (WHERE inside AND so_far >= :buffer), '{}') AS speeds,
  (array_agg(ST_X(fix) ORDER BY ts))[1] AS longitude, (array_agg(ST_Y(fix) ORDER BY ts))[1] AS latitude
FROM behind GROUP BY state, entry_id, race_number, class_id, stay ORDER BY race_number, state, entered_at`;

/** Return the stays of the entries in an area. buffer: metres behind its entry in which no speed counts. */
export async function stays(trx: Knex, scope: Scope, shapes: Shapes, buffer: number): Promise<Stay[]> {
  const asked = { ...near(scope, shapes, REACH_METERS), buffer };
  const { rows } = await trx.raw<{ rows: Stay[] }>(STAYS, asked);
  return rows;
}
