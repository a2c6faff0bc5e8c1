/** What follows from the rest of a penalty. Pure. */
import { randomUUID } from 'node:crypto';
import type { Row } from '../lib/types';

/** Return a new penalty with what nobody types by hand: its key, and a formula that there is none of. */
export function filledIn(payload: Row): Row {
  if ((payload['source'] ?? 'manual') !== 'manual') return payload;
  const key = payload['dedupe_key'] ?? `manual:${randomUUID()}`;
  return { ...payload, dedupe_key: key, formula_snapshot: payload['formula_snapshot'] ?? {} };
}

/** Return the seconds that count for penalties as they will be: those of the stewards, if all are overridden alike. */
export function counting(rows: readonly Row[]): number | undefined {
  const decided = new Set(rows.map((row) => (row['status'] === 'overridden' ? row['override_seconds'] : undefined)));
  const [seconds] = decided;
  return decided.size === 1 && typeof seconds === 'number' ? seconds : undefined;
}
