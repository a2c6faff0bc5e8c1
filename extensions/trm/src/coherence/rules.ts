/** Which references of a row must lead to the same event, and what must be registered with its organisation. Pure. */
import { NEW } from '../lib/values';

/** Paths of a collection that must end in the same row. The first one is what the others are compared with. */
export type Group = readonly [string, ...string[]];

export const GROUPS: Readonly<Record<string, readonly Group[]>> = {
  device_commands: [['event_id', 'entry_id.event_id']],
  entries: [['event_id', 'class_id.event_id']],
  entry_crossings: [
    [
      'entry_id.event_id',
      'segment_id.stage_id.event_id',
      'geofence_id.event_id',
      'waypoint_id.segment_id.stage_id.event_id',
    ],
  ],
  entry_penalties: [
    ['entry_id.event_id', 'stage_id.event_id', 'formula_id.event_id'],
    ['stage_id', 'segment_id.stage_id'],
    ['entry_id', 'crossing_id.entry_id'],
  ],
  entry_segment_starts: [['entry_id.event_id', 'segment_id.stage_id.event_id']],
  position_flags: [['event_id', 'entry_id.event_id']],
  segments: [['stage_id.event_id', 'entry_geofence_id.event_id', 'exit_geofence_id.event_id']],
  speed_limit_zones: [['event_id', 'geofence_id.event_id', 'segment_id.stage_id.event_id']],
  stage_results: [['stage_id.event_id', 'entry_id.event_id', 'class_id.event_id']],
  stages: [['event_id', 'start_order_input_stage_id.event_id']],
  waypoints: [['segment_id.stage_id.event_id', 'geofence_id.event_id']],
};

/** A reference to something that an organisation registers, by a row of a junction with the same field. */
export interface Registration {
  field: string;
  junction: string;
  organization: string;
}

export const REGISTRATIONS: Readonly<Record<string, Registration>> = {
  device_commands: { field: 'device_id', junction: 'organization_devices', organization: 'event_id.organization_id' },
  entries: { field: 'vehicle_id', junction: 'organization_vehicles', organization: 'event_id.organization_id' },
  entry_devices: {
    field: 'device_id',
    junction: 'organization_devices',
    organization: 'entry_id.event_id.organization_id',
  },
};

/** The way from a row to its event, and from an event to its organisation: where it stays once others refer to it. */
export const HOMES: Readonly<Record<string, string>> = {
  classes: 'event_id',
  entries: 'event_id',
  entry_crossings: 'entry_id.event_id',
  events: 'organization_id',
  geofences: 'event_id',
  penalty_formulas: 'event_id',
  segments: 'stage_id.event_id',
  stages: 'event_id',
  waypoints: 'segment_id.stage_id.event_id',
};

/** What a penalty formula may belong to, by the word in belongs_to_type, and its path to the event. */
export const BELONGS: Readonly<Record<string, { collection: string; path: string }>> = {
  class: { collection: 'classes', path: 'event_id' },
  geofence: { collection: 'geofences', path: 'event_id' },
  segment: { collection: 'segments', path: 'stage_id.event_id' },
  speed_limit_zone: { collection: 'speed_limit_zones', path: 'event_id' },
  stage: { collection: 'stages', path: 'event_id' },
  waypoint: { collection: 'waypoints', path: 'segment_id.stage_id.event_id' },
};

const FORMULAS = 'penalty_formulas';
const FORMULA_FIELDS = ['event_id', 'belongs_to_type', 'belongs_to_id'];

/** Return the fields of a collection on which its coherence rests. */
export function fields(collection: string): string[] {
  const paths = (GROUPS[collection] ?? []).flat();
  const registration = REGISTRATIONS[collection];
  const home = HOMES[collection];
  if (home !== undefined) paths.push(home);
  if (registration) paths.push(registration.field, registration.organization);
  if (collection === FORMULAS) paths.push(...FORMULA_FIELDS);
  return [...new Set(paths.map((path) => path.split('.')[0] ?? path))];
}

/** Return where `belongs_to_id` of a row of this collection leads. */
export const belongsTo = (collection: string, type: unknown): { collection: string; path: string } | undefined =>
  collection === FORMULAS && typeof type === 'string' && Object.hasOwn(BELONGS, type) ? BELONGS[type] : undefined;

/** Return the first path that leads elsewhere than the first one; undefined if all agree. found: what they led to. */
export function stray(group: Group, found: readonly unknown[]): string | undefined {
  const [first, ...others] = found;
  if (first === undefined) return undefined;
  const index = others.findIndex((one) => one !== undefined && (one !== first || one === NEW));
  return index === -1 ? undefined : group[index + 1];
}
