import { describe, expect, test } from 'vitest';
import { mayBegin, mayFollow, offsets, positions, startOrder, targets } from '../src/stages/rules';
import type { Entry, Result } from '../src/stages/rules';

const entry = (number: number, group = 'M'): Entry => ({
  id: `e${String(number)}`,
  race_number: number,
  class_code: `${group}-1`,
});
const result = (number: number, raw: number | null, total: number | null, stages = 1): Result => ({
  entry_id: `e${String(number)}`,
  raw_ms: raw,
  total_ms: total,
  stages,
});
const numbers = (entries: readonly Entry[]): number[] => entries.map(({ race_number }) => race_number);
const FIVE = [5, 3, 1, 4, 2].map((number) => entry(number));
// By raw time 2 1 3, with penalties 1 3 2; 4 and 5 are not classified.
const RESULTS = [result(1, 20, 20), result(2, 10, 40), result(3, 30, 30), result(4, null, null)];

test('a stage opens once, from published, and goes back from official to closed', () => {
  expect(mayFollow('published', 'open')).toBe(true);
  for (const status of ['draft', 'open', 'closed', 'official', 'cancelled', 'of old'])
    expect(mayFollow(status, 'open')).toBe(false);
  expect(mayFollow('draft', 'draft')).toBe(true);
  expect(mayFollow('official', 'closed')).toBe(true);
  expect([undefined, 'draft', 'published', 'open', 'official'].map(mayBegin)).toEqual([true, true, true, false, false]);
});

describe('the order of starts', () => {
  test('by hand: as named, then by race number', () => {
    expect(numbers(startOrder('manual', { entry_ids: ['e4', 'gone', 'e2'] }, FIVE, []))).toEqual([4, 2, 1, 3, 5]);
    expect(numbers(startOrder('manual', {}, FIVE, []))).toEqual([1, 2, 3, 4, 5]);
  });

  test('of the previous stage: without penalties, the unclassified last', () => {
    expect(numbers(startOrder('previous_stage_clean_result', {}, FIVE, RESULTS))).toEqual([2, 1, 3, 4, 5]);
  });

  test('the first n of the previous stage reversed, the rest in the order of their results', () => {
    expect(numbers(startOrder('inverse_top_n_then_natural', { n: 2 }, FIVE, RESULTS))).toEqual([3, 1, 2, 4, 5]);
    expect(numbers(startOrder('inverse_top_n_then_natural', {}, FIVE, RESULTS))).toEqual([1, 3, 2, 4, 5]);
  });

  test('the overall reversed: entries that completed fewer stages start first', () => {
    const totals = [result(1, null, 50, 2), result(2, null, 90, 2), result(3, null, 10, 1)];
    expect(numbers(startOrder('inverse_of_overall', {}, FIVE, totals))).toEqual([3, 2, 1, 4, 5]);
  });

  test('in groups: the named ones in their order, the others last', () => {
    const mixed = [entry(1, 'C'), entry(2, 'M'), entry(3, 'X'), entry(4, 'Q'), entry(5, 'M')];
    expect(numbers(startOrder('manual', { groups: ['M', 'Q', 'C'] }, mixed, []))).toEqual([2, 5, 4, 1, 3]);
  });
});

test('a position set by hand stays, and the others fill around it', () => {
  const places = positions([1, 2, 3, 4].map((number) => entry(number)), new Map([['e3', 1], ['withdrawn', 3]]));
  const found = [...places].map(([position, { race_number }]) => [position, race_number]).sort();
  expect(found).toEqual([[1, 3], [2, 1], [4, 2], [5, 4]]);
});

describe('the times of starts', () => {
  const places = positions([entry(1), entry(2), entry(3, 'C'), entry(4, 'C')], new Map());

  test('are one interval apart, or follow a list of intervals', () => {
    expect([...offsets(places, 60, {}).values()]).toEqual([0, 60, 120, 180]);
    const intervals = [{ to: 2, seconds: 120 }, { seconds: 30 }];
    expect([...offsets(places, 60, { intervals }).values()]).toEqual([0, 120, 240, 270]);
  });

  test('leave a gap between groups', () => {
    const params = { groups: ['M', 'C'], group_gap_seconds: 900 };
    expect([...offsets(places, 60, params).values()]).toEqual([0, 60, 960, 1020]);
  });

  test('of later segments follow as long as durations are known', () => {
    const at = new Date('2026-06-07T06:00:00Z');
    const segments = [60, null, 60].map((seconds) => ({ id: 's', target_duration_seconds: seconds }));
    expect(targets(at, segments)).toEqual([at, new Date('2026-06-07T06:01:00Z'), null]);
  });
});
