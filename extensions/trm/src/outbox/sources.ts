/** Finds the rows that wait to be sent, and records them as sent. Concurrent senders take different rows. */
import type { Knex } from 'knex';
import { ofCommand, ofFlag, ofRecompute, type Command, type Flag, type Message, type Recompute } from './messages';

const BATCH = 100;

interface Waiting {
  message: Message;
  sent: () => Promise<unknown>;
}

export interface Source {
  stream: string;
  /** Lock and return the rows that have waited for some seconds. */
  take: (trx: Knex, seconds: number) => Promise<Waiting[]>;
}

/** Narrow a query to the oldest rows that have waited long enough, and lock those of one table. */
function oldest(query: Knex.QueryBuilder, table: string, since: string, seconds: number): Knex.QueryBuilder {
  // 0 seconds adds no condition, because the clocks of Directus and of the database differ.
  if (seconds > 0) void query.whereRaw("?? <= now() - ? * interval '1 s'", [`${table}.${since}`, seconds]);
  return query.orderBy(`${table}.${since}`).limit(BATCH).forUpdate(table).skipLocked();
}

async function flags(trx: Knex, seconds: number): Promise<Waiting[]> {
  const joined = trx('position_flags as f')
    .join('devices as d', 'd.id', 'f.device_id')
    .join('events as e', 'e.id', 'f.event_id')
    .whereNull('f.emitted_at');
  const columns = ['f.*', 'd.imei', 'e.organization_id'];
  const rows = (await oldest(joined, 'f', 'created_at', seconds).select(columns)) as Flag[];
  return rows.map((flag) => ({
    message: ofFlag(flag),
    sent: () => trx('position_flags').where('id', flag.id).update({ emitted_at: trx.fn.now() }),
  }));
}

async function requests(trx: Knex, seconds: number): Promise<Waiting[]> {
  // The event has no foreign key, so it may have been deleted.
  const joined = trx('recompute_requests as r').leftJoin('events as e', 'e.id', 'r.event_id');
  const rows = (await oldest(joined, 'r', 'requested_at', seconds).select('r.*', 'e.organization_id')) as Recompute[];
  return rows.map((request) => ({
    message: ofRecompute(request),
    sent: () => trx('recompute_requests').where('id', request.id).delete(),
  }));
}

async function commands(trx: Knex, seconds: number): Promise<Waiting[]> {
  const joined = trx('device_commands as c')
    .join('devices as d', 'd.id', 'c.device_id')
    .join('events as e', 'e.id', 'c.event_id')
    .where('c.status', 'queued');
  const columns = ['c.*', 'd.imei', 'e.organization_id'];
  const rows = (await oldest(joined, 'c', 'created_at', seconds).select(columns)) as Command[];
  return rows.map((command) => ({
    message: ofCommand(command),
    sent: () => trx('device_commands').where('id', command.id).update({ status: 'sent', sent_at: trx.fn.now() }),
  }));
}

export const SOURCES: readonly Source[] = [
  { stream: 'recompute:requests', take: flags },
  { stream: 'recompute:requests', take: requests },
  { stream: 'commands:outbound', take: commands },
];
