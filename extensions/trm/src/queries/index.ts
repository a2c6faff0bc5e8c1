/** Prevents queries from revealing rows that the user may not read: by filters, sorting, or writes by query. */
import type { EventContext, Filter as Asked, HookConfig, Query, SchemaOverview } from '@directus/types';
import type { NextFunction, Request, Response } from 'express';
import { QueryRefused } from '../lib/errors';
import { isRow, type Row } from '../lib/types';
import { type Filter, follows, isOfOthers, relationOf, Rewriting } from './rules';

type Accountability = EventContext['accountability'];
type Services = Parameters<HookConfig>[1]['services'];

/** PostgreSQL accepts at most 65,535 parameters in a statement. */
const MOST_KEYS = 30_000;

/** The parts of a WebSocket message that are checked here. */
interface Message {
  type?: unknown;
  action?: unknown;
  collection?: unknown;
  id?: unknown;
  ids?: unknown;
  query?: { filter?: unknown };
}

const refuse = (reason: string): never => {
  throw new QueryRefused({ reason });
};

/** Refuse to change or delete the rows that a query finds: Directus looks for them without the user's rights. */
const refuseRowsOfQuery = (): never => refuse('Name the keys of the rows to change or delete instead of a query.');

/** Refuse to sort or group by related rows: order and groups would reveal those that the user may not read. */
function checkOrder(fields: unknown, aggregate: unknown = {}): void {
  if (!Array.isArray(fields) || !fields.some((field) => isOfOthers(String(field), aggregate))) return;
  refuse('Sort or group by a field of the collection itself, not of related rows or their number.');
}

/** Rewrite the queries for nested rows. names: the fields by their aliases in the answer. */
async function checkDeep(
  schema: SchemaOverview,
  collection: string,
  deep: Row,
  safe: Rewriting,
  names: Readonly<Record<string, string>> = {},
): Promise<void> {
  checkOrder(deep['_sort']);
  checkOrder(deep['_group']);
  if (isRow(deep['_filter'])) await safe.filter(collection, deep['_filter'] as Filter);
  const inner = (deep['_alias'] ?? names) as Readonly<Record<string, string>>;
  for (const [name, below] of Object.entries(deep)) {
    const relation = relationOf(schema, collection, inner[name] ?? name);
    if (relation !== null && isRow(below)) await checkDeep(schema, relation.collection, below, safe);
  }
}

/** Return a Rewriting that finds related rows with the user's own rights. */
function rewriting(services: Services, schema: SchemaOverview, { accountability, database }: EventContext): Rewriting {
  return new Rewriting(schema, async (collection, wanted, field) => {
    const items = new services.ItemsService(collection, { accountability, schema, knex: database });
    const rows = await items.readByQuery({ filter: wanted as Asked, fields: [field], limit: -1 });
    const keys = [...new Set(rows.map((row) => row[field] as unknown))].filter((key) => key !== null);
    return keys.length > MOST_KEYS ? refuse(`The filter on ${collection} finds too many rows: narrow it.`) : keys;
  });
}

function parse(filter: string): unknown {
  try {
    return JSON.parse(filter);
  } catch {
    return refuse('The filter must be JSON.');
  }
}

/** Refuse a message that writes rows by query, or that subscribes with a filter on related rows. */
function checkMessage(schema: SchemaOverview, message: Message): void {
  const writes = message.type === 'items' && (message.action === 'update' || message.action === 'delete');
  if (writes && message.query && !message.id && !message.ids) refuseRowsOfQuery();
  const wanted = message.type === 'subscribe' ? message.query?.filter : undefined;
  const parsed = typeof wanted === 'string' ? parse(wanted) : wanted;
  // The filter would be rewritten only once, and miss rows that are created later.
  if (follows(schema, String(message.collection), parsed))
    refuse('A subscription may only filter by fields of the collection itself.');
}

function checkRequest(request: Request, _: Response, next: NextFunction): void {
  const { accountability } = request as unknown as { accountability?: Accountability };
  const body: unknown = request.body;
  const writes = request.method === 'PATCH' || request.method === 'DELETE';
  if (writes && !accountability?.admin && isRow(body) && 'query' in body && !('keys' in body)) refuseRowsOfQuery();
  next();
}

const queries: HookConfig = ({ filter, init }, { services, getSchema }) => {
  // A pattern, because Directus's own collections have separate events: users.query, roles.query.
  filter<Query>('*.query', async (query, meta, context) => {
    if (context.accountability === null || context.accountability.admin) return query;
    const schema = context.schema ?? (await getSchema());
    const safe = rewriting(services, schema, context);
    const collection = String(meta['collection']);
    checkOrder(query.sort, query.aggregate);
    checkOrder(query.group);
    if (isRow(query.filter)) await safe.filter(collection, query.filter as Filter);
    if (query.deep) await checkDeep(schema, collection, query.deep, safe, query.alias ?? {});
    return query;
  });

  filter<Message>('websocket.message', async (message, { client }) => {
    const { accountability } = client as { accountability: Accountability };
    if (!accountability?.admin) checkMessage(await getSchema(), message);
    return message;
  });

  init('middlewares.after', ({ app }) => {
    (app as { use: (handler: typeof checkRequest) => void }).use(checkRequest);
  });
};

export default queries;
