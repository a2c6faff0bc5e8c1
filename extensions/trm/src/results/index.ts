/** Publishes results, and refuses to change official ones until they are provisional again. */
import type { HookConfig, PrimaryKey } from '@directus/types';
import type { Knex } from 'knex';
import { atomically, type ItemsService } from '../lib/atomically';
import { PenaltiesProposed, ResultOfficial } from '../lib/errors';
import { isKey } from '../lib/paths';
import type { Row } from '../lib/types';
import { readingOf } from '../lib/values';

interface Result {
  id: string;
  stage_id: string;
  entry_id: string;
  publication: string;
}

async function requireNoProposal(trx: Knex, results: readonly Result[]): Promise<void> {
  const pairs = results.map(({ stage_id, entry_id }) => [stage_id, entry_id]);
  if (pairs.length === 0) return;
  const proposed = trx('entry_penalties as p').join('entries as e', 'e.id', 'p.entry_id').where('p.status', 'proposed');
  const found: Row | undefined = await proposed.whereIn(['p.stage_id', 'p.entry_id'], pairs).first('e.race_number');
  if (found === undefined) return;
  const reason = `A penalty of number ${String(found['race_number'])} is only proposed; confirm, override or waive it.`;
  throw new PenaltiesProposed({ reason });
}

const results: HookConfig = ({ filter }, { services, getSchema }) => {
  filter<Row>('stage_results.items.update', async (payload, meta, context) => {
    const keys = meta['keys'] as PrimaryKey[];
    const next = payload['publication'];
    const { accountability } = context;
    const update = { Service: services['ItemsService'] as ItemsService, collection: 'stage_results', keys, payload };
    return atomically(
      { ...(await readingOf(context, getSchema)), accountability },
      update,
      async (trx) => {
        const own = (): Knex.QueryBuilder => trx('stage_results').whereIn('id', keys.filter(isKey));
        const found = (await own().orderBy('id').forUpdate().select()) as Result[];
        const published = { published_at: trx.fn.now(), published_by: accountability?.user ?? null };
        // A CHECK requires a publication time for every official result.
        if (next === 'official') await own().where('publication', 'provisional').update(published);
        return found;
      },
      async (trx, before) => {
        if (before.some(({ publication }) => publication === 'official') && next !== 'provisional')
          throw new ResultOfficial({ reason: 'The result is official; make it provisional first.' });
        if (next === 'provisional') return { published_at: null, published_by: null };
        if (next === 'official') await requireNoProposal(trx, before);
        return {};
      },
    );
  });
};

export default results;
