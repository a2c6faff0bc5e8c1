import { expect, test, vi } from 'vitest';
import queries from '../src/queries';
import { follows, isOfOthers, Rewriting, type Filter } from '../src/queries/rules';
import { schema } from './schema';

/** The queries on other collections; each returns one key. */
interface Asked {
  collection: string;
  filter: Filter;
  field: string;
}

async function rewritten(collection: string, filter: Filter): Promise<{ filter: Filter; asked: Asked[] }> {
  const asked: Asked[] = [];
  const safe = new Rewriting(schema, (other, wanted, field) => {
    asked.push({ collection: other, filter: wanted, field });
    return Promise.resolve([`${other} key`]);
  });
  await safe.filter(collection, filter);
  return { filter, asked };
}

test('a condition on a related row becomes the keys of those that the user may read', async () => {
  expect(await rewritten('entries', { class_id: { code: { _eq: 'C-2' } } })).toEqual({
    filter: { class_id: { _in: ['classes key'] } },
    asked: [{ collection: 'classes', filter: { code: { _eq: 'C-2' } }, field: 'id' }],
  });
});

test('a condition on a list becomes the keys of the rows that it belongs to', async () => {
  expect(await rewritten('entries', { entry_crew: { role: { _eq: 'pilot' } } })).toEqual({
    filter: { id: { _in: ['entry_crew key'] } },
    asked: [{ collection: 'entry_crew', filter: { role: { _eq: 'pilot' } }, field: 'entry_id' }],
  });
});

test('a single row must meet all conditions on a list', async () => {
  const filter = { _and: [{ entry_crew: { role: { _eq: 'pilot' } } }, { entry_crew: { user_id: { _eq: 'me' } } }] };
  const { asked } = await rewritten('entries', filter);
  expect(asked.map((one) => one.filter)).toEqual([
    { _and: [{ role: { _eq: 'pilot' } }, { user_id: { _eq: 'me' } }] },
  ]);
});

test.each([
  [{ _some: { role: { _eq: 'pilot' } } }, '_in', { role: { _eq: 'pilot' } }],
  [{ _none: { role: { _eq: 'pilot' } } }, '_nin', { role: { _eq: 'pilot' } }],
  [{ _null: true }, '_nin', {}],
  [{ _nnull: true }, '_in', {}],
  [{ _eq: 'crew' }, '_in', { id: { _eq: 'crew' } }],
])('a list that must be %j', async (value, operator, wanted) => {
  const { filter, asked } = await rewritten('entries', { entry_crew: value });
  expect(filter).toEqual({ id: { [operator]: ['entry_crew key'] } });
  expect(asked[0]?.filter).toEqual(wanted);
});

test('conditions on the collection itself stay unchanged', async () => {
  const own = [{ status: { _eq: 'dnf' } }, { event_id: { _eq: 'here' } }, { 'year(created_at)': { _eq: 1 } }];
  const filter = { _or: own };
  expect(await rewritten('entries', structuredClone(filter))).toEqual({ filter, asked: [] });
  expect(follows(schema, 'entries', filter)).toBe(false);
  expect(follows(schema, 'entries', { _or: [{ event_id: { name: { _eq: 'x' } } }] })).toBe(true);
});

test.each(['count(entry_crew)', '$FOLLOW(entry_crew,entry_id)'])('%s is refused', async (name) => {
  await expect(rewritten('entries', { [name]: { _gt: 0 } })).rejects.toThrow("can't ask for");
});

test('a query may sort by its own aggregate, but not by related rows', () => {
  const numbers = { count: ['id', '*'], max: ['notes'] };
  for (const field of ['status', '-status', '-count.id', 'count.*', 'max.notes'])
    expect(isOfOthers(field, numbers), field).toBe(false);
  for (const field of ['event_id.name', '-count.notes', 'min.notes', 'count(segments)', 'max.event_id.name'])
    expect(isOfOthers(field, numbers), field).toBe(true);
  expect(isOfOthers('count.id', undefined)).toBe(true);
});

/** Pass a message of a user through the hook. */
function sent(message: object): unknown {
  const filters = new Map<string, (message: unknown, meta: unknown) => unknown>();
  const register = { filter: (name: string, handler: () => unknown) => void filters.set(name, handler), init: vi.fn() };
  queries(register as never, { getSchema: () => Promise.resolve(schema) } as never);
  return filters.get('websocket.message')?.(message, { client: { accountability: { admin: false } } });
}

const REFUSED = ['{', '{"event_id": {"name": {"_eq": "x"}}}'];

test.each(REFUSED)('a subscription with the filter %s is refused', async (filter) => {
  const message = { type: 'subscribe', collection: 'entries', query: { filter } };
  await expect(sent(message)).rejects.toMatchObject({ code: 'QUERY_REFUSED' });
});

test('a subscription may filter by fields of the collection', async () => {
  const message = { type: 'subscribe', collection: 'entries', query: { filter: '{"status": {"_eq": "dnf"}}' } };
  expect(await sent(message)).toBe(message);
});
