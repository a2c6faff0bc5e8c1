/** Decides which stretch of positions may be flagged. Pure. */

const DAY = 24 * 3600 * 1000;

export interface Span {
  from: Date;
  to: Date;
}

/** Return why a stretch may not be flagged; undefined if it may. */
export function windowFault(flagged: Span, event: Span): string | undefined {
  if (flagged.to.getTime() - flagged.from.getTime() > DAY) return 'A flagged stretch can last 24 hours at most.';
  const begins = flagged.from.getTime() >= event.from.getTime() - DAY;
  const ends = flagged.to.getTime() <= event.to.getTime() + DAY;
  return begins && ends ? undefined : 'A flagged stretch must be within the event, or up to a day before or after it.';
}
