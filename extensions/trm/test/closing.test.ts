import { describe, expect, test } from 'vitest';
import { segmentCloses, waypointCloses, type Segment, type Waypoint } from '../src/closing/rules';

const LAST = new Date('2026-06-07T08:00:00Z');
const after = (seconds: number): Date => new Date(LAST.getTime() + seconds * 1000);
const segment = (given: Partial<Segment>): Segment => ({
  id: 's',
  type: 'special-stage',
  distance_km: null,
  mta_seconds: null,
  target_duration_seconds: null,
  closing_buffer_seconds: null,
  closes_at_override: null,
  last_target: LAST,
  ...given,
});
const waypoint = (given: Partial<Waypoint>): Waypoint => ({
  id: 'w',
  distance_km: null,
  closing_offset_seconds: null,
  closes_at_override: null,
  ...given,
});

describe('a segment closes', () => {
  test('a maximum time and a buffer after its last start; its own maximum overrides that of the stage', () => {
    expect(segmentCloses(segment({ mta_seconds: 3600, closing_buffer_seconds: 600 }), 9000)).toEqual(after(4200));
    expect(segmentCloses(segment({}), 9000)).toEqual(after(9000));
  });

  test('without a maximum: after the time at 25 km/h; a liaison after 1.5 times its target', () => {
    expect(segmentCloses(segment({ distance_km: 50 }), null)).toEqual(after(7200));
    expect(segmentCloses(segment({ type: 'liaison', target_duration_seconds: 600 }), null)).toEqual(after(900));
  });

  test('at a time that was set by hand', () => {
    expect(segmentCloses(segment({ closes_at_override: LAST, mta_seconds: 1 }), null)).toEqual(LAST);
  });

  test('never, if the time is unknown', () => {
    expect(segmentCloses(segment({}), null)).toBeNull();
    expect(segmentCloses(segment({ mta_seconds: 60, last_target: null }), null)).toBeNull();
  });
});

describe('a waypoint closes', () => {
  const whole = segment({ distance_km: 100, mta_seconds: 7200, closing_buffer_seconds: 60 });

  test('after its own offset, or its share of the maximum time', () => {
    expect(waypointCloses(whole, waypoint({ closing_offset_seconds: 100, distance_km: 50 }), null)).toEqual(after(160));
    expect(waypointCloses(whole, waypoint({ distance_km: 25 }), null)).toEqual(after(1860));
  });

  test('without a maximum: after the time at 25 km/h', () => {
    expect(waypointCloses(segment({}), waypoint({ distance_km: 25 }), null)).toEqual(after(3600));
  });

  test('never, if its distance or that of the segment is missing', () => {
    expect(waypointCloses(whole, waypoint({}), null)).toBeNull();
    expect(waypointCloses(segment({ mta_seconds: 60 }), waypoint({ distance_km: 1 }), null)).toBeNull();
  });
});
