import { expect, test } from 'vitest';
import { changeOf, entryLine, resultLine, shapeOf, sketch, wordsOf, type Entry } from '../src/studio/effects';
import { choicesOf, KINDS, queryFor, raised } from '../src/studio/kinds';
import { filled } from '../src/studio/rules';

const POINT = { type: 'Point', coordinates: [19, 41] };
const state = { passes: 1, at: null, distance_m: null, peak_kmh: null, speeding: [] };
const none = { seconds: 0, outcome: 'none' };
const ENTRY: Entry = {
  race_number: 7, near: [19.001, 41], before: { ...state, distance_m: 75.25 },
  after: { ...state, passes: 0, distance_m: 75.25 }, time_ms: 0, decided: false,
  penalties: [{ type: 'waypoint_missed', before: none, after: { seconds: 900, outcome: 'none' } }],
};

test('the request has only the fields that differ in the form', () => {
  const stored = { location: POINT, tolerance_meters: 90 };
  expect(changeOf('waypoints', stored, { location: { ...POINT }, tolerance_meters: 90, name: 'x' })).toBeUndefined();
  expect(changeOf('waypoints', stored, { ...stored, tolerance_meters: 60 })).toEqual({ tolerance_meters: 60 });
});

test('a line shows how an entry changes', () => {
  expect(entryLine(ENTRY)).toEqual(['#7', '1 → 0', '75.3 m', '+0:15:00', '']);
  const sped = { ...state, speeding: [5] };
  const out = [{ type: 'slz_speed', before: none, after: { seconds: 0, outcome: 'dq' } }];
  const fast = { ...ENTRY, before: state, after: sped, penalties: out, decided: true, time_ms: -500 };
  expect(entryLine(fast)).toEqual(['#7', '1', '– → +5 km/h', '(NONE → DQ)', '-0:00:00.500']);
});

test('a line shows the position of an entry', () => {
  const place = { position: 2, total_time_ms: 1000 };
  const result = { race_number: 7, publication: 'official', before: place, after: { ...place, position: null } };
  expect(resultLine(result)).toEqual(['#7', '2. → –', '0:00:01.000', '✓']);
});

test('a sketch has shapes and dots in metres, with north up', () => {
  const shapes = [shapeOf({ location: POINT, tolerance_meters: 90 })].filter((shape) => shape !== undefined);
  const found = sketch(shapes, [ENTRY]);
  expect(found?.shapes).toEqual([{ path: '', circle: [0, 0, 90] }]);
  expect(found?.dots).toEqual([{ x: 84, y: 0, text: '7' }]);
  expect(found?.box).toEqual([-108, -108, 216, 216]);
  const outline = [[19, 41], [19, 41.001], [19.001, 41]];
  const area = shapeOf({ geometry: { type: 'Polygon', coordinates: [outline] } });
  expect(area && sketch([area], [])?.shapes[0]?.path).toBe('M0 0 L0 -111 L84 0 Z');
  expect([shapeOf({}), sketch([], [])]).toEqual([undefined, undefined]);
});

test('the texts are in the user language', () => {
  expect([wordsOf('sq-AL').show, wordsOf('de-DE').show]).toEqual(['Trego ndikimin', 'Show the effect']);
});

test('a picker requests the rows of the event and sorts them', () => {
  const kind = KINDS['waypoint'];
  expect(kind && queryFor(kind, 'e')).toEqual({
    fields: ['id', 'segment_id.name', 'type', 'name'], limit: -1,
    filter: { segment_id: { stage_id: { event_id: { _eq: 'e' } } } },
  });
  const rows = [10, 9].map((n) => ({ id: String(n), race_number: n, vehicle_id: n === 9 ? null : { make: 'KTM' } }));
  expect(KINDS['entries'] && choicesOf(KINDS['entries'], rows)).toEqual([
    { text: '#9', value: '9' }, { text: '#10 · KTM', value: '10' },
  ]);
});

test('an item of a list moves up, the first one stays', () => {
  expect([raised(['a', 'b', 'c'], 2), raised(['a', 'b'], 0)]).toEqual([['a', 'c', 'b'], ['a', 'b']]);
});

test('an object loses keys without a value, and is null without any', () => {
  expect(filled({ n: 3, groups: [], gap: null, text: '', zero: 0 })).toEqual({ n: 3, zero: 0 });
  expect(filled({ n: null })).toBeNull();
});
