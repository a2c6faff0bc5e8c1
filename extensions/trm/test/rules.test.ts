import { expect, test } from 'vitest';
import { belongsTo, fields, firstMismatch, GROUPS } from '../src/coherence/rules';
import { NEW } from '../src/lib/values';
import { disciplineOf, hasNumber, rangeWords, vehicleFault } from '../src/discipline/rules';
import { advice, requirementOf } from '../src/tenant/rules';

test('a collection without a rule, and an action without a role, are only for administrators', () => {
  expect(requirementOf('something_new', 'create')).toBeNull();
  expect(requirementOf('constructor', 'create')).toBeNull();
  expect(requirementOf('position_flags', 'delete')).toBeNull();
});

test('a requirement names the roles and the path to the organisation', () => {
  expect(requirementOf('events', 'create')).toEqual({ path: ['organization_id'], roles: ['org-admin'], own: false });
});

test('a participant writes only to entries in whose crew they are', () => {
  expect(requirementOf('entries', 'update')).toMatchObject({ own: true });
  expect(requirementOf('entry_crew', 'create')).toMatchObject({ own: true });
  expect(requirementOf('stages', 'create')).toMatchObject({ own: false });
});

test('references agree if they lead to the same event, or to none', () => {
  const group = ['entry_id.event_id', 'segment_id.stage_id.event_id', 'geofence_id.event_id'] as const;
  expect(firstMismatch(group, ['e', 'e', undefined])).toBeUndefined();
  expect(firstMismatch(group, [undefined, 'e', 'f'])).toBeUndefined();
  expect(firstMismatch(group, ['e', 'e', 'f'])).toBe('geofence_id.event_id');
  // Two rows that are created together with this one belong to separate new events.
  expect(firstMismatch(group, [NEW, NEW, undefined])).toBe('segment_id.stage_id.event_id');
});

test('coherence depends on the first fields of its paths', () => {
  expect(fields('entries').sort()).toEqual(['class_id', 'event_id', 'vehicle_id']);
  expect(fields('penalty_formulas').sort()).toEqual(['belongs_to_id', 'belongs_to_type', 'event_id']);
  expect(fields('organizations')).toEqual([]);
  for (const groups of Object.values(GROUPS)) for (const group of groups) expect(group.length).toBeGreaterThan(1);
});

test('the formula of an event belongs to no other row', () => {
  expect(belongsTo('penalty_formulas', 'event')).toBeUndefined();
  expect(belongsTo('penalty_formulas', 'waypoint')?.collection).toBe('waypoints');
  expect(belongsTo('entries', 'waypoint')).toBeUndefined();
});

test('motor sports need a vehicle, running and hiking take none', () => {
  const faults = ['rally', 'time-trial', 'regatta', 'trail-run', 'hike'].map((name) => {
    const discipline = disciplineOf(name);
    return discipline && [vehicleFault(discipline, true), vehicleFault(discipline, false)];
  });
  const [motor, foot] = [[undefined, 'missing'], ['surplus', undefined]];
  expect(faults).toEqual([motor, motor, motor, foot, foot]);
  expect(disciplineOf('toString')).toBeUndefined();
});

test('a range includes both its ends; without an end it has no limit', () => {
  const numbers = (min: number | null, max: number | null): number[] =>
    [1, 2, 3, 4].filter((number) => hasNumber({ min, max }, number));
  expect([numbers(2, 3), numbers(2, null), numbers(null, 3), numbers(null, null)]).toEqual([
    [2, 3],
    [2, 3, 4],
    [1, 2, 3],
    [1, 2, 3, 4],
  ]);
  // Texts, as a CSV file has them; PostgreSQL reads them as numbers.
  expect(['2', ' 2 ', '4', '3_0', null].map((text) => hasNumber({ min: 2, max: 3 }, text))).toEqual([
    true,
    true,
    false,
    false,
    true,
  ]);
  expect([rangeWords({ min: null, max: 199 }), rangeWords({ min: 400, max: null })]).toEqual([
    'from 1 to 199',
    'from 400 on',
  ]);
});

test('the refusal of a crossing that is not manual names the source that a marshal chooses', () => {
  expect(advice('entry_crossings', { source: 'gps' })).toContain('Manual');
  expect(advice('entry_crossings', { source: 'manual' })).toBe('');
  expect(advice('entries', { source: 'gps' })).toBe('');
});
