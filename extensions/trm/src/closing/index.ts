/** Computes closing times again when something that they depend on changes while their stage is open. */
import type { HookConfig } from '@directus/types';
import type { Knex } from 'knex';
import { isKey } from '../lib/paths';
import { close, notifyMissing } from './times';

/** The fields that closing times depend on, and a query for the segments (as g) of changed rows. */
interface Watched {
  fields: readonly string[];
  segments: (database: Knex, keys: string[]) => Knex.QueryBuilder;
}

const WATCHED: Readonly<Record<string, Watched>> = {
  entries: {
    fields: ['status'],
    segments: (database, keys) =>
      database('entry_segment_starts as s').join('segments as g', 'g.id', 's.segment_id').whereIn('s.entry_id', keys),
  },
  entry_segment_starts: {
    fields: ['target_at', 'segment_id'],
    segments: (database, keys) =>
      database('entry_segment_starts as s').join('segments as g', 'g.id', 's.segment_id').whereIn('s.id', keys),
  },
  segments: {
    fields: [
      'type',
      'mta_seconds',
      'distance_km',
      'target_duration_seconds',
      'closing_buffer_seconds',
      'closes_at_override',
    ],
    segments: (database, keys) => database('segments as g').whereIn('g.id', keys),
  },
  stages: {
    fields: ['mta_seconds'],
    segments: (database, keys) => database('segments as g').whereIn('g.stage_id', keys),
  },
  waypoints: {
    fields: ['distance_km', 'closing_offset_seconds', 'closes_at_override', 'segment_id'],
    segments: (database, keys) =>
      database('waypoints as w').join('segments as g', 'g.id', 'w.segment_id').whereIn('w.id', keys),
  },
};
// Milliseconds until the second computation: for a list of updates Directus calls an action before it commits.
const AGAIN = 1000;

const closing: HookConfig = ({ action }, { database, logger }) => {
  async function recompute(collection: string, keys: readonly unknown[], user: string | null): Promise<void> {
    const watched = WATCHED[collection];
    if (watched === undefined) return;
    const stages = watched.segments(database, keys.filter(isKey)).join('stages as x', 'x.id', 'g.stage_id');
    for (const { id } of (await stages.where('x.status', 'open').distinct('x.id')) as { id: string }[])
      await notifyMissing(database, logger, user, id, await close(database, id));
  }
  for (const [collection, { fields }] of Object.entries(WATCHED))
    for (const verb of ['create', 'update'])
      action(`${collection}.items.${verb}`, (meta, { accountability }) => {
        if (!fields.some((field) => field in (meta['payload'] as object))) return;
        const keys = verb === 'create' ? [meta['key']] : (meta['keys'] as unknown[]);
        const user = accountability?.user ?? null;
        const look = (who: string | null): void => {
          recompute(collection, keys, who).catch((error: unknown) => {
            logger.error(error);
          });
        };
        look(user);
        setTimeout(look, AGAIN, null).unref();
      });
};

export default closing;
