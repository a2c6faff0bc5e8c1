/** The references of a row that must lead to the same event, and those that need a registration. Pure. */
import { NEW } from '../lib/values';

/** Paths of a collection that must end in the same row. The others are compared with the first one. */
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

/** A reference to something that the organisation must have registered: in a row of the junction, in the same field. */
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

/** The path to a row's event, or to an event's organisation. It must not change while other rows refer to the row. */
export const OWNER_PATHS: Readonly<Record<string, string>> = {
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

/** The collections that a penalty formula can belong to, by belongs_to_type, with their paths to the event. */
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

/** Return the fields of a collection whose change can break its coherence. */
export function fields(collection: string): string[] {
  const paths = (GROUPS[collection] ?? []).flat();
  const registration = REGISTRATIONS[collection];
  const ownerPath = OWNER_PATHS[collection];
  if (ownerPath !== undefined) paths.push(ownerPath);
  if (registration) paths.push(registration.field, registration.organization);
  if (collection === FORMULAS) paths.push(...FORMULA_FIELDS);
  return [...new Set(paths.map((path) => path.split('.')[0] ?? path))];
}

/** Return the collection and path that a row's `belongs_to_id` leads to; undefined without one. */
export const belongsTo = (collection: string, type: unknown): { collection: string; path: string } | undefined =>
  collection === FORMULAS && typeof type === 'string' && Object.hasOwn(BELONGS, type) ? BELONGS[type] : undefined;

/** Return the first path that ends elsewhere than group[0]; undefined if all agree. found: the ends of the paths. */
export function firstMismatch(group: Group, found: readonly unknown[]): string | undefined {
  const [first, ...others] = found;
  if (first === undefined) return undefined;
  const index = others.findIndex((one) => one !== undefined && (one !== first || one === NEW));
  return index === -1 ? undefined : group[index + 1];
}
