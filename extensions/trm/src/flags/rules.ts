/** Which stretch of positions may be flagged, and what is asked of whoever recomputes it. Pure. */

const DAY = 24 * 3600 * 1000;

export interface Span {
  from: Date;
  to: Date;
}

/** Return why a stretch may not be flagged; undefined if it may. */
export function windowFault(flagged: Span, event: Span): string | undefined {
  if (flagged.to.getTime() - flagged.from.getTime() > DAY) return 'A flagged stretch lasts 24 hours at most.';
  const begins = flagged.from.getTime() >= event.from.getTime() - DAY;
  const ends = flagged.to.getTime() <= event.to.getTime() + DAY;
  return begins && ends ? undefined : 'A flagged stretch lies within the event, or up to a day before or after it.';
}

/** A flag as it is stored, with what its message needs. */
export interface Flag {
  id: string;
  organization_id: string;
  event_id: string;
  entry_id: string | null;
  imei: string;
  from_ts: Date;
  to_ts: Date;
  faulty: boolean;
  rows_affected: number;
  user_created: string | null;
  created_at: Date;
}

/** Return the fields of a message, names and values in turn; what does not apply is empty. */
export function message(flag: Flag): string[] {
  const fields = {
    v: '1',
    // Sent at least once: whoever reads it twice tells by this.
    request_id: flag.id,
    kind: 'positions_faulty',
    organization_id: flag.organization_id,
    event_id: flag.event_id,
    stage_id: '',
    entry_id: flag.entry_id ?? '',
    device_id: flag.imei,
    from_ts: flag.from_ts.toISOString(),
    to_ts: flag.to_ts.toISOString(),
    faulty: String(flag.faulty),
    rows_affected: String(flag.rows_affected),
    requested_by: flag.user_created ?? '',
    requested_at: flag.created_at.toISOString(),
  };
  return Object.entries(fields).flat();
}
