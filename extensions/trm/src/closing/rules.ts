/** Computes when a segment and its waypoints close. Pure. */

export interface Segment {
  id: string;
  type: string;
  distance_km: number | null;
  mta_seconds: number | null;
  target_duration_seconds: number | null;
  closing_buffer_seconds: number | null;
  closes_at_override: Date | null;
  /** The latest start of the entries that are neither dns nor withdrawn. */
  last_target: Date | null;
}

export interface Waypoint {
  id: string;
  distance_km: number | null;
  closing_offset_seconds: number | null;
  closes_at_override: Date | null;
}

// Without a maximum time, the limit is the time at this speed.
const SLOWEST_KMH = 25;
const LIAISON_FACTOR = 1.5;

/** Return the most seconds that an entry may take for a distance; null if that is unknown. */
function limit(segment: Segment, stageMta: number | null, distance: number | null): number | null {
  const { distance_km: whole, target_duration_seconds: target } = segment;
  const liaison = segment.type === 'liaison' && target !== null ? LIAISON_FACTOR * target : null;
  const mta = segment.mta_seconds ?? stageMta ?? liaison;
  if (mta !== null && distance === whole) return mta;
  if (distance === null) return null;
  if (mta === null) return (distance / SLOWEST_KMH) * 3600;
  return whole === null || whole === 0 ? null : (mta * distance) / whole;
}

const after = ({ last_target: last, closing_buffer_seconds: buffer }: Segment, seconds: number | null): Date | null =>
  last === null || seconds === null ? null : new Date(last.getTime() + (seconds + (buffer ?? 0)) * 1000);

/** Return when a segment closes; null if that can't be computed. */
export const segmentCloses = (segment: Segment, stageMta: number | null): Date | null =>
  segment.closes_at_override ?? after(segment, limit(segment, stageMta, segment.distance_km));

/** Return when a waypoint of a segment closes; null if that can't be computed. */
export const waypointCloses = (segment: Segment, waypoint: Waypoint, stageMta: number | null): Date | null =>
  waypoint.closes_at_override ??
  after(
    segment,
    waypoint.closing_offset_seconds ??
      (waypoint.distance_km === null ? null : limit(segment, stageMta, waypoint.distance_km)),
  );
