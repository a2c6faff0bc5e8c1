import { expect, test } from 'vitest';
import { costOf, type Cost, type Formula, type Offence, type Scopes } from '../src/preview/costs';
import {
  ABSENT,
  atWaypoint,
  differs,
  inZone,
  priced,
  stayed,
  timeShift,
  type Counted,
  type Penalty,
} from '../src/preview/effects';
import type { Stay } from '../src/preview/observed';
import { moved, shiftsOf, type Result, type Shift } from '../src/preview/places';
import { previewRequestOf } from '../src/preview/request';

const ID = '0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01';
const at = (second: number): Date => new Date(Date.UTC(2026, 5, 7, 7, 0, second));
const SCOPES: Scopes = [['waypoint', 'w'], ['stage', 's'], ['event', null]];
const FORMULA: Formula = {
  type: 'slz_speed', belongs_to_type: 'event', belongs_to_id: null, offence_key: null, offence_min: null,
  offence_max: null, occurrence_min: 1, occurrence_max: null, operator: 'flat', penalty: 60, outcome: 'none',
  params: null,
};
const speeding = (value: number, occurrence = 1): Offence => ({ type: 'slz_speed', key: null, value, occurrence });
const cost = (change: Partial<Formula>, ...offences: Offence[]): [number, string] => {
  const { seconds, outcome } = costOf([{ ...FORMULA, ...change }], SCOPES, offences);
  return [seconds, outcome];
};

test.each([
  [{ operator: 'flat' }, 5, 60, 'none'],
  [{ operator: 'flat', offence_min: 5, offence_max: 10 }, 5, 60, 'none'],
  [{ operator: 'flat', offence_min: 5, offence_max: 10 }, 10, 0, 'none'],
  [{ operator: 'flat', offence_min: 5 }, 4.9, 0, 'none'],
  [{ operator: 'per_unit', penalty: 30 }, 5.5, 165, 'none'],
  [{ operator: 'per_unit', offence_min: 5, offence_max: 10 }, 12, 300, 'none'],
  [{ operator: 'per_unit', offence_min: 5 }, 5, 0, 'none'],
  [{ operator: 'per_started_unit', params: { unit_seconds: 60 } }, 61, 120, 'none'],
  [{ operator: 'per_started_unit' }, 1.2, 120, 'none'],
  [{ operator: 'per_occurrence' }, 1, 60, 'none'],
  [{ operator: 'disqualify', penalty: null }, 1, 0, 'dq'],
  [{ operator: 'fill_mta' }, 1, 60, 'mta'],
  [{ operator: 'flat', outcome: 'dnf' }, 1, 60, 'dnf'],
])('%j costs for %d: %d s, %s', (change, value, seconds, outcome) => {
  expect(cost(change, speeding(value))).toEqual([seconds, outcome]);
});

test('the n-th offence costs what the formula for the n-th says', () => {
  const four = [1, 2, 3, 4].map((n) => speeding(1, n));
  expect(cost({ occurrence_min: 2, occurrence_max: 3 }, ...four)).toEqual([120, 'none']);
});

test('only the most specific scope of a type counts, and a key limits a formula to one kind', () => {
  const formulas = [FORMULA, { ...FORMULA, belongs_to_type: 'stage', belongs_to_id: 's', penalty: 10 }];
  expect(costOf(formulas, SCOPES, [speeding(1)]).seconds).toBe(10);
  expect(costOf(formulas, [['stage', 'other'], ['event', null]], [speeding(1)]).seconds).toBe(60);
  expect(cost({ offence_key: 'WPN' }, { ...speeding(1), key: 'CP' })).toEqual([0, 'none']);
  expect(cost({ offence_key: 'CP' }, { ...speeding(1), key: 'CP' })).toEqual([60, 'none']);
});

const WAYPOINT = { id: 'w', type: 'CP', mandatory: true, closes_at: at(10) };

test('a waypoint is missed, passed after it closed, or passed in time', () => {
  const types = (passes: number, when: Date | null, change = {}): string[] =>
    atWaypoint({ ...WAYPOINT, ...change }, { ...ABSENT, passes, at: when }).map(({ type }) => type);
  expect([types(0, null), types(1, at(10)), types(1, at(11))]).toEqual([
    ['waypoint_missed'], [], ['checkpoint_closed'],
  ]);
  expect([types(0, null, { mandatory: false }), types(1, at(11), { closes_at: null })]).toEqual([[], []]);
});

const stay = (from: number, until: number, ...speeds: number[]): Stay => ({
  state: 'old', entry_id: 'e', race_number: 1, class_id: 'c', entered_at: at(from), left_at: at(until), speeds,
  longitude: 19, latitude: 41,
});
const ZONE = { id: 'z', speed_limit_kmh: 50, tolerance_kmh: 2, min_samples: 2 };

test('a pass is too fast with enough positions above limit and tolerance', () => {
  const found = stayed([stay(0, 5, 60, 53, 40), stay(9, 12, 90, 50), stay(20, 21)], ZONE);
  expect(found).toEqual({
    passes: 3, at: at(0), left_at: at(5), distance_m: null, peak_kmh: 90, speeding: [8],
  });
  expect(stayed([stay(0, 5, 52, 52)], ZONE).speeding).toEqual([]);
  expect(inZone(found, 2)).toEqual([speeding(8, 3)]);
  expect(stayed([])).toEqual(ABSENT);
});

test('a start counts when an entry leaves it, a finish when an entry enters it', () => {
  const [before, after] = [stayed([stay(0, 5)]), stayed([stay(2, 9)])];
  expect([timeShift('start', before, after), timeShift('finish', before, after)]).toEqual([-4000, 2000]);
  expect(timeShift('finish', before, ABSENT)).toBe(0);
});

test('passes of a point differ by their number, those of an area also by time', () => {
  const point = { ...ABSENT, passes: 1, at: at(0), distance_m: 5 };
  expect(differs(point, { ...point, at: at(3), distance_m: 9 })).toBe(false);
  expect(differs(point, { ...point, passes: 0, at: null })).toBe(true);
  expect(differs(stayed([stay(0, 5)]), stayed([stay(0, 6)]))).toBe(true);
  expect(differs(stayed([stay(0, 5)]), stayed([stay(0, 5)]))).toBe(false);
});

test('a penalty that costs the same does not change', () => {
  expect(priced([FORMULA], SCOPES, [speeding(1)], [speeding(9)])).toEqual([]);
  expect(priced([FORMULA], SCOPES, [speeding(1)], [])).toHaveLength(1);
});

const result = (number: number, total: number | null, status = 'finished'): Result => ({
  stage_id: 's', entry_id: `e${String(number)}`, race_number: number, status, publication: 'provisional',
  total_time_ms: total, penalty_seconds: 0,
});
const FINISHED = [result(1, 1000), result(2, 2000), result(3, 2000)];
const RESULTS = [...FINISHED, result(4, 5000, 'over_time'), result(5, null, 'dnf')];
const placed = (entry: string, shift: Partial<Shift>): Record<string, [number | null, number | null]> => {
  const shifts = new Map([[entry, { time_ms: 0, seconds: 0, from: 'none', to: 'none', ...shift } as Shift]]);
  return Object.fromEntries(
    moved(RESULTS, shifts).map(({ entry_id, before, after }) => [entry_id, [before.position, after.position]]),
  );
};

test('equal times share a position, and entries over time come last', () => {
  expect(placed('e1', { seconds: 1 })).toEqual({ e1: [1, 1], e2: [2, 1], e3: [2, 1] });
  expect(placed('e4', { time_ms: -4500 })).toEqual({ e4: [4, 4] });
});

test('an entry that is out has no position, unless the changed penalty was the only reason', () => {
  expect(placed('e1', { to: 'dq' })).toEqual({ e1: [1, null], e2: [2, 1], e3: [2, 1], e4: [4, 3] });
  expect(placed('e2', { to: 'mta' })).toEqual({ e2: [2, 3] });
  expect(placed('e5', { from: 'dq' })).toEqual({});
  const back: Shift = { time_ms: 0, seconds: 0, from: 'dq', to: 'none' };
  const places = moved([result(6, 10, 'dq')], new Map([['e6', back]]));
  expect(places).toMatchObject([{ before: { position: null }, after: { position: 1 } }]);
});

const FREE: Cost = { seconds: 0, outcome: 'none' };
const penalty = (before: Partial<Cost>, after: Partial<Cost>): Penalty => ({
  type: 'waypoint_missed', before: { ...FREE, ...before }, after: { ...FREE, ...after },
});
const counted = (decided: boolean, ...penalties: Penalty[]): Counted => ({
  entry_id: 'e', race_number: 1, class_id: 'c', near: null, before: ABSENT, after: ABSENT, penalties, time_ms: 500,
  stage_id: 's', undecided: decided ? [] : penalties,
});
const shiftOf = (...effects: Counted[]): Shift | undefined => shiftsOf(effects, 's').get('e');

test('a penalty that stewards decided stays, and keeps no other penalty from counting', () => {
  const out = counted(false, penalty({}, { seconds: 60, outcome: 'dq' }));
  const decided = counted(true, penalty({ seconds: 30, outcome: 'dnf' }, {}));
  const wanted: Shift = { time_ms: 1000, seconds: 60, from: 'none', to: 'dq' };
  expect(shiftOf(out, decided)).toEqual(wanted);
  expect(shiftOf(decided, out)).toEqual(wanted);
  expect(shiftOf(decided)).toEqual({ time_ms: 500, seconds: 0, from: 'none', to: 'none' });
});

test('the worst outcome of all penalties of an entry counts', () => {
  const [out, back] = [penalty({}, { outcome: 'dq' }), penalty({ outcome: 'dnf' }, { seconds: 60 })];
  const wanted = { from: 'dnf', to: 'dq' };
  expect(shiftOf(counted(false, out, back))).toMatchObject(wanted);
  expect(shiftOf(counted(false, out), counted(false, back))).toMatchObject(wanted);
  expect(shiftOf(counted(false, back), counted(false, out))).toMatchObject(wanted);
  const stillOut = penalty({ outcome: 'dq' }, { seconds: 60, outcome: 'dq' });
  expect(shiftOf(counted(false, stillOut, back))).toMatchObject({ from: 'dq', to: 'dq' });
});

const RING = [[19, 41], [20, 41], [20, 42], [19, 41]];
const FENCE = { collection: 'geofences', id: ID };

test('a request names a place and the fields to change', () => {
  const polygon = { type: 'Polygon', coordinates: [RING] };
  expect(previewRequestOf({ ...FENCE, change: { geometry: polygon } }).change.geometry).toBe(JSON.stringify(polygon));
  const point = { type: 'Point', coordinates: [19, 41, 7] };
  const asText = { collection: 'waypoints', id: ID, change: { location: JSON.stringify(point), tolerance_meters: 1 } };
  expect(previewRequestOf(asText).change).toEqual({
    location: '{"type":"Point","coordinates":[19,41]}', tolerance_meters: 1,
  });
});

test.each([
  [null],
  [{ ...FENCE, change: { geometry: { type: 'Polygon', coordinates: [] } } }],
  [{ ...FENCE, change: { geometry: { type: 'Polygon', coordinates: [RING.slice(1)] } } }],
  [{ ...FENCE, change: { geometry: { type: 'Polygon', coordinates: [[[19, 91], ...RING.slice(1)]] } } }],
  [{ ...FENCE, change: { geometry: '{' } }],
  [{ ...FENCE, change: { tolerance_meters: 1 } }],
  [{ ...FENCE, change: { geometry: RING }, more: 1 }],
  [{ collection: 'waypoints', id: ID, change: { tolerance_meters: 0 } }],
  [{ collection: 'waypoints', id: 'x', change: { tolerance_meters: 1 } }],
  [{ collection: 'speed_limit_zones', id: ID, change: { speed_limit_kmh: '50' } }],
])('the request %j is refused', (body) => {
  expect(() => previewRequestOf(body)).toThrow();
});
