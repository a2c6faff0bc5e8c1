/** Fills in fields that users do not type: the key of a manual penalty, the seconds of an overridden one. */
import type { HookConfig, PrimaryKey } from '@directus/types';
import type { Row } from '../lib/types';
import { merged, readingOf } from '../lib/values';
import { counting, filledIn } from './rules';

const COLLECTION = 'entry_penalties';

const withSeconds = (payload: Row, rows: readonly Row[]): Row => {
  const seconds = counting(rows);
  return seconds === undefined ? payload : { ...payload, penalty_seconds: seconds };
};

const penalties: HookConfig = ({ filter }, { getSchema }) => {
  filter<Row>(`${COLLECTION}.items.create`, (payload) => withSeconds(filledIn(payload), [payload]));

  filter<Row>(`${COLLECTION}.items.update`, async (payload, meta, context) => {
    if (!['status', 'override_seconds', 'penalty_seconds'].some((field) => field in payload)) return payload;
    const reading = await readingOf(context, getSchema);
    const keys = meta['keys'] as PrimaryKey[];
    return withSeconds(payload, await merged(reading, COLLECTION, keys, ['status', 'override_seconds'], payload));
  });
};

export default penalties;
