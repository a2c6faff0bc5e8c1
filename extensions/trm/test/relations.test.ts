import { expect, test } from 'vitest';
import { visible } from '../src/relations/rules';

const SEAT = { collection: 'entry_crew', field: 'user_id', related_collection: 'people', meta: { one_field: 'seats' } };
const readable = (fields: Record<string, string[]>): Map<string, Set<string>> =>
  new Map(Object.entries(fields).map(([collection, names]) => [collection, new Set(names)]));

test('a list that the user may not read is left out, the relation is not', () => {
  const shown = visible([SEAT], readable({ entry_crew: ['user_id'], people: ['first_name'] }));
  expect(shown).toEqual([{ ...SEAT, meta: { one_field: null } }]);
});

test('a list that he may read is named', () => {
  expect(visible([SEAT], readable({ entry_crew: ['user_id'], people: ['seats'] }))).toEqual([SEAT]);
});

test('he sees no relation of a field or to a collection that he may not read', () => {
  expect(visible([SEAT], readable({ entry_crew: ['role'], people: ['seats'] }))).toEqual([]);
  expect(visible([SEAT], readable({ entry_crew: ['user_id'] }))).toEqual([]);
});
