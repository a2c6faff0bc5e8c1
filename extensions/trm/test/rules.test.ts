import { expect, test } from 'vitest';
import { belongsTo, fields, GROUPS, stray } from '../src/coherence/rules';
import { NEW } from '../src/lib/values';
import { disciplineOf, vehicleFault } from '../src/discipline/rules';
import { advice, demand } from '../src/tenant/rules';

test('a collection without a rule, and an action without a role, are for administrators alone', () => {
  expect(demand('something_new', 'create')).toBeNull();
  expect(demand('constructor', 'create')).toBeNull();
  expect(demand('position_flags', 'delete')).toBeNull();
});

test('a demand names the roles and the way to the organisation', () => {
  expect(demand('events', 'create')).toEqual({ path: ['organization_id'], roles: ['org-admin'], own: false });
});

test('a participant writes only to the entries of which he is in the crew', () => {
  expect(demand('entries', 'update')).toMatchObject({ own: true });
  expect(demand('entry_crew', 'create')).toMatchObject({ own: true });
  expect(demand('stages', 'create')).toMatchObject({ own: false });
});

test('references agree when they lead to the same event, or to none', () => {
  const group = ['entry_id.event_id', 'segment_id.stage_id.event_id', 'geofence_id.event_id'] as const;
  expect(stray(group, ['e', 'e', undefined])).toBeUndefined();
  expect(stray(group, [undefined, 'e', 'f'])).toBeUndefined();
  expect(stray(group, ['e', 'e', 'f'])).toBe('geofence_id.event_id');
  // Two rows that are made along with this one belong to events of their own.
  expect(stray(group, [NEW, NEW, undefined])).toBe('segment_id.stage_id.event_id');
});

test('coherence rests on the first fields of its paths', () => {
  expect(fields('entries').sort()).toEqual(['class_id', 'event_id', 'vehicle_id']);
  expect(fields('penalty_formulas').sort()).toEqual(['belongs_to_id', 'belongs_to_type', 'event_id']);
  expect(fields('organizations')).toEqual([]);
  for (const groups of Object.values(GROUPS)) for (const group of groups) expect(group.length).toBeGreaterThan(1);
});

test('a formula of an event belongs to nothing smaller', () => {
  expect(belongsTo('penalty_formulas', 'event')).toBeUndefined();
  expect(belongsTo('penalty_formulas', 'waypoint')?.collection).toBe('waypoints');
  expect(belongsTo('entries', 'waypoint')).toBeUndefined();
});

test('engines carry a vehicle, feet do not', () => {
  const faults = ['rally', 'time-trial', 'regatta', 'trail-run', 'hike'].map((name) => {
    const discipline = disciplineOf(name);
    return discipline && [vehicleFault(discipline, true), vehicleFault(discipline, false)];
  });
  const [motor, foot] = [[undefined, 'missing'], ['surplus', undefined]];
  expect(faults).toEqual([motor, motor, motor, foot, foot]);
  expect(disciplineOf('toString')).toBeUndefined();
});

test('who records a crossing that is not by hand is told which source a marshal chooses', () => {
  expect(advice('entry_crossings', { source: 'gps' })).toContain('Manual');
  expect(advice('entry_crossings', { source: 'manual' })).toBe('');
  expect(advice('entries', { source: 'gps' })).toBe('');
});
