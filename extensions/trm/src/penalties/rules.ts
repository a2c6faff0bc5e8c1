/** Computes fields of a penalty from its other fields. Pure. */
import { randomUUID } from 'node:crypto';
import type { Row } from '../lib/types';

/** Return a new penalty with the fields that users do not type: a key, and an empty formula for a manual penalty. */
export function filledIn(payload: Row): Row {
  if ((payload['source'] ?? 'manual') !== 'manual') return payload;
  const key = payload['dedupe_key'] ?? `manual:${randomUUID()}`;
  return { ...payload, dedupe_key: key, formula_snapshot: payload['formula_snapshot'] ?? {} };
}

/** Return the stewards' seconds if all these penalties are overridden with the same number; otherwise undefined. */
export function counting(rows: readonly Row[]): number | undefined {
  const decided = new Set(rows.map((row) => (row['status'] === 'overridden' ? row['override_seconds'] : undefined)));
  const [seconds] = decided;
  return decided.size === 1 && typeof seconds === 'number' ? seconds : undefined;
}
