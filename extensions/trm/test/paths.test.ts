import { describe, expect, test } from 'vitest';
import { isKey, isToMany, pathOf, said } from '../src/lib/paths';
import { schema } from './schema';

const CREW = pathOf('entry_id.event_id.organization_id');

describe('what a payload says of where its row belongs', () => {
  test('is nothing when it leaves out the first field', () => {
    expect(said(schema, 'entry_crew', CREW, { role: 'pilot' })).toBe('nothing');
    expect(said(schema, 'organizations', pathOf(''), { name: 'Club' })).toBe('nothing');
  });

  test('is the row of a key, and the way from there', () => {
    const place = { collection: 'entries', key: 'e', path: ['event_id', 'organization_id'] };
    expect(said(schema, 'entry_crew', CREW, { entry_id: 'e' })).toEqual(place);
  });

  test('is nowhere when the field is emptied', () => {
    expect(said(schema, 'entry_crew', CREW, { entry_id: null })).toBeNull();
    expect(said(schema, 'entry_crew', CREW, { entry_id: { event_id: null } })).toBeNull();
  });

  test('of a row that is written along comes before what is stored of that', () => {
    const entry = { id: 'e', event_id: { id: 'v', organization_id: 'o' } };
    const written = { collection: 'organizations', key: 'o', path: [] };
    expect(said(schema, 'entry_crew', CREW, { entry_id: entry })).toEqual(written);
    const kept = { collection: 'entries', key: 'e', path: ['event_id', 'organization_id'] };
    expect(said(schema, 'entry_crew', CREW, { entry_id: { id: 'e', notes: 'n' } })).toEqual(kept);
  });

  test('is a new row when it makes one and does not say where that belongs', () => {
    expect(said(schema, 'entry_crew', CREW, { entry_id: { race_number: 1 } })).toBe('new');
  });
});

test('a path that names no relation is an error, so that the guard refuses', () => {
  const wrong = (): unknown => said(schema, 'entries', ['notes', 'organization_id'], { notes: 'x' });
  expect(wrong).toThrow('entries.notes is no relation');
});

test('a path may begin with the rows at the other end of a relation', () => {
  expect(isToMany(schema, 'vehicles', 'organization_vehicles')).toBe(true);
  expect(isToMany(schema, 'entries', 'event_id')).toBe(false);
});

test('only a UUID is a key', () => {
  expect(isKey('0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01')).toBe(true);
  for (const value of ["' OR true --", '0', 7, null, { id: 1 }, '0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01\n'])
    expect(isKey(value), JSON.stringify(value)).toBe(false);
});
