/** Checks each change of a stage's status, and writes start list and closing times when the stage opens. */
import type { EventContext, HookConfig, PrimaryKey } from '@directus/types';
import type { Knex } from 'knex';
import { close, notifyMissing } from '../closing/times';
import { atomically, type ItemsService } from '../lib/atomically';
import { InvalidTransition } from '../lib/errors';
import { isKey } from '../lib/paths';
import type { Row } from '../lib/types';
import { readingOf } from '../lib/values';
import { mayBegin, mayFollow } from './rules';
import { writeStarts, type Stage } from './starts';

const OPENED = new Set(['open', 'closed', 'official']);

const words = (from: string, to: string): string => `A stage does not go from ${from} to ${to}.`;

const stages: HookConfig = ({ filter }, { services, getSchema, logger }) => {
  filter<Row>('stages.items.create', (payload) => {
    if (!mayBegin(payload['status']))
      throw new InvalidTransition({ reason: 'A new stage must be a draft or published.' });
    return payload;
  });

  filter<Row>('stages.items.update', async (payload, meta, context: EventContext) => {
    const next = payload['status'];
    if (typeof next !== 'string') return payload;
    const keys = meta['keys'] as PrimaryKey[];
    const reading = { ...(await readingOf(context, getSchema)), accountability: context.accountability };
    const update = { Service: services['ItemsService'] as ItemsService, collection: 'stages', keys, payload };
    return atomically(
      reading,
      update,
      // The lock makes the second of two concurrent changes see the first.
      async (trx) => {
        const own = (): Knex.QueryBuilder => trx('stages').whereIn('id', keys.filter(isKey));
        const found = (await own().orderBy('id').forUpdate().select()) as Stage[];
        // A CHECK requires opened_at during the update. Whether the change is allowed is only checked after it.
        if (OPENED.has(next)) await own().whereNotIn('status', [...OPENED]).update({ opened_at: trx.fn.now() });
        return found;
      },
      async (trx, before) => {
        for (const { status } of before)
          if (!mayFollow(status, next)) throw new InvalidTransition({ reason: words(status, next) });
        const moved = before.filter(({ status }) => status !== next);
        if (moved.length === 0) return {};
        if (next === 'closed' && moved.every(({ status }) => status === 'open')) return { closed_at: new Date() };
        if (next !== 'open') return {};
        for (const stage of await trx('stages').whereIn('id', moved.map(({ id }) => id)).select<Stage[]>()) {
          await writeStarts(trx, stage);
          await notifyMissing(trx, logger, context.accountability?.user ?? null, stage.id, await close(trx, stage.id));
        }
        return {};
      },
    );
  });
};

export default stages;
