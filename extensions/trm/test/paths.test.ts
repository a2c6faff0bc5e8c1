import { describe, expect, test } from 'vitest';
import { isKey, isToMany, pathOf, targetInPayload, wrongKey } from '../src/lib/paths';
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

describe('a field of type uuid takes', () => {
  const KEY = '0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01';
  const uuid = { type: 'uuid' };
  const fields = { id: uuid, event_id: uuid, origin_id: uuid, notes: { type: 'text' } };
  const collections = { entries: { fields }, events: { fields: { id: uuid } } };
  const typed = { ...schema, collections } as unknown as typeof schema;
  const wrong = (payload: Record<string, unknown>): string | undefined => wrongKey(typed, 'entries', payload);

  test('a key in upper or lower case, no value, and a row', () => {
    for (const value of [KEY, KEY.toUpperCase(), null, undefined, {}, { id: KEY }, { name: KEY.replaceAll('-', '') }])
      expect(wrong({ event_id: value, notes: 'n', unknown: 'u' }), JSON.stringify(value)).toBeUndefined();
  });

  test('no other form of a key, and nothing else', () => {
    for (const value of [KEY.replaceAll('-', ''), `{${KEY}}`, ` ${KEY}`, '', 'x', 7, true, [KEY], new Date()])
      expect(wrong({ event_id: value }), JSON.stringify(value)).toBe('event_id');
  });

  test('a row only if its own keys are in that form, and only where it refers to a row', () => {
    expect(wrong({ event_id: { id: `{${KEY}}` } })).toBe('event_id.id');
    expect(wrong({ origin_id: { id: KEY } })).toBe('origin_id');
  });
});
