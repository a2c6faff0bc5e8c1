/** The places whose change can be previewed, and the fields of each on which passes depend. Pure. */
export type Collection = 'geofences' | 'waypoints' | 'speed_limit_zones';

export const FIELDS: Readonly<Record<Collection, readonly string[]>> = {
  geofences: ['geometry'],
  waypoints: ['location', 'tolerance_meters'],
  speed_limit_zones: ['speed_limit_kmh', 'tolerance_kmh'],
};

export const isCollection = (value: unknown): value is Collection =>
  typeof value === 'string' && Object.hasOwn(FIELDS, value);
