import { describe, expect, test } from 'vitest';
import { isKey, isToMany, pathOf, targetInPayload } from '../src/lib/paths';
import { schema } from './schema';

const CREW = pathOf('entry_id.event_id.organization_id');

describe('what a payload says about where its row belongs', () => {
  test('is nothing if it leaves out the first field', () => {
    expect(targetInPayload(schema, 'entry_crew', CREW, { role: 'pilot' })).toBe('nothing');
    expect(targetInPayload(schema, 'organizations', pathOf(''), { name: 'Club' })).toBe('nothing');
  });

  test('is the row with the key, and the path from there', () => {
    const place = { collection: 'entries', key: 'e', path: ['event_id', 'organization_id'] };
    expect(targetInPayload(schema, 'entry_crew', CREW, { entry_id: 'e' })).toEqual(place);
  });

  test('is null if it empties the field', () => {
    expect(targetInPayload(schema, 'entry_crew', CREW, { entry_id: null })).toBeNull();
    expect(targetInPayload(schema, 'entry_crew', CREW, { entry_id: { event_id: null } })).toBeNull();
  });

  test('comes before stored values, for another row that the payload writes, too', () => {
    const entry = { id: 'e', event_id: { id: 'v', organization_id: 'o' } };
    const written = { collection: 'organizations', key: 'o', path: [] };
    expect(targetInPayload(schema, 'entry_crew', CREW, { entry_id: entry })).toEqual(written);
    const kept = { collection: 'entries', key: 'e', path: ['event_id', 'organization_id'] };
    expect(targetInPayload(schema, 'entry_crew', CREW, { entry_id: { id: 'e', notes: 'n' } })).toEqual(kept);
  });

  test('is new if it creates the other row without saying where that belongs', () => {
    expect(targetInPayload(schema, 'entry_crew', CREW, { entry_id: { race_number: 1 } })).toBe('new');
  });
});

test('a path over a field that is not a relation is an error, so that the guard refuses', () => {
  const wrong = (): unknown => targetInPayload(schema, 'entries', ['notes', 'organization_id'], { notes: 'x' });
  expect(wrong).toThrow('entries.notes is not a relation');
});

test('a path may begin with a list of rows that refer to this one', () => {
  expect(isToMany(schema, 'vehicles', 'organization_vehicles')).toBe(true);
  expect(isToMany(schema, 'entries', 'event_id')).toBe(false);
});

test('only a UUID is a key', () => {
  expect(isKey('0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01')).toBe(true);
  for (const value of ["' OR true --", '0', 7, null, { id: 1 }, '0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01\n'])
    expect(isKey(value), JSON.stringify(value)).toBe(false);
});
