import { expect, test } from 'vitest';
import { visible } from '../src/relations/rules';

const SEAT = { collection: 'entry_crew', field: 'user_id', related_collection: 'people', meta: { one_field: 'seats' } };
const readable = (fields: Record<string, string[]>): Map<string, Set<string>> =>
  new Map(Object.entries(fields).map(([collection, names]) => [collection, new Set(names)]));

test('a relation is shown without the name of a list that the user may not read', () => {
  const shown = visible([SEAT], readable({ entry_crew: ['user_id'], people: ['first_name'] }));
  expect(shown).toEqual([{ ...SEAT, meta: { one_field: null } }]);
});

test('a list that the user may read is named', () => {
  expect(visible([SEAT], readable({ entry_crew: ['user_id'], people: ['seats'] }))).toEqual([SEAT]);
});

test('a relation is left out if the user may not read its field or the other collection', () => {
  expect(visible([SEAT], readable({ entry_crew: ['role'], people: ['seats'] }))).toEqual([]);
  expect(visible([SEAT], readable({ entry_crew: ['user_id'] }))).toEqual([]);
});
