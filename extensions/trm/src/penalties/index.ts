/** Fills in what nobody types for a penalty by hand: its key, and a formula that there is none of. */
import { randomUUID } from 'node:crypto';
import type { HookConfig } from '@directus/types';
import type { Row } from '../lib/types';

const penalties: HookConfig = ({ filter }) => {
  filter<Row>('entry_penalties.items.create', (payload) => {
    if (payload['source'] !== 'manual') return payload;
    const key = payload['dedupe_key'] ?? `manual:${randomUUID()}`;
    return { ...payload, dedupe_key: key, formula_snapshot: payload['formula_snapshot'] ?? {} };
  });
};

export default penalties;
