/** Reads passes of a place, before and after the change, from recorded positions. All SQL over positions is here. */
import type { Knex } from 'knex';

/** The positions to read: those of one event's entries, in a range of time. */
export interface Scope {
  event: string;
  from: Date;
  until: Date;
}

/** A shape before and after the change, as PostGIS writes it. */
export interface Shapes {
  old: string;
  new: string;
}

// If two positions are further apart in time, the way between them is unknown.
const GAP_SECONDS = 60;
// Positions are read this far around a place, so that the way of a fast entry has positions on both sides.
const REACH_METERS = 2000;
const METERS_OF_A_DEGREE = 111_000;

// Positions that are faulty or without satellites do not count. A device counts for the entry that has it at that time.
// A way is the line from the previous position, or only the position.
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

/** How near an entry came to a point, and when it was first near enough. */
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

// Distances are rounded to centimetres. Positions are no more precise, and an entry at the edge is near enough.
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

/** Return how near the entries came to a point. tolerance: the distance that is near enough, before and after. */
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

/** One stay of an entry in an area. speeds: in km/h, without those in the buffer after the edge. */
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

// If an entry has several devices, the one with the most positions counts. The time of crossing the outline between two
// positions is interpolated from the point where the way crosses it. A stay ends at a position outside or at a gap.
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

/** Return the stays of the entries in an area. buffer: the metres after its edge in which speeds do not count. */
export async function stays(trx: Knex, scope: Scope, shapes: Shapes, buffer: number): Promise<Stay[]> {
  const asked = { ...near(scope, shapes, REACH_METERS), buffer };
  const { rows } = await trx.raw<{ rows: Stay[] }>(STAYS, asked);
  return rows;
}
