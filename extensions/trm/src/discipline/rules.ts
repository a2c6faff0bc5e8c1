/** What each discipline requires of an entry and its crew, and each class of a race number. Pure. */

export interface Discipline {
  vehicle: boolean;
  roles: readonly string[];
}

const MOTOR: Discipline = { vehicle: true, roles: ['pilot', 'co-pilot', 'navigator', 'mechanic', 'rider'] };

const DISCIPLINES: Readonly<Record<string, Discipline>> = {
  rally: MOTOR,
  'time-trial': MOTOR,
  regatta: { vehicle: true, roles: ['pilot', 'co-pilot', 'navigator', 'mechanic'] },
  'trail-run': { vehicle: false, roles: ['runner'] },
  hike: { vehicle: false, roles: ['hiker'] },
};

/** Return the rules of a discipline; undefined for an unknown one, which the database refuses. */
export const disciplineOf = (name: unknown): Discipline | undefined =>
  typeof name === 'string' && Object.hasOwn(DISCIPLINES, name) ? DISCIPLINES[name] : undefined;

const ROLES = new Set(Object.values(DISCIPLINES).flatMap(({ roles }) => roles));

/** Return whether a crew may have this role; true for an unknown role, which Directus refuses. */
export const mayServe = ({ roles }: Discipline, role: unknown): boolean =>
  typeof role !== 'string' || !ROLES.has(role) || roles.includes(role);

/** Return what is wrong with an entry that has a vehicle or has none; undefined if nothing is. */
export function vehicleFault(discipline: Discipline, hasVehicle: boolean): 'missing' | 'surplus' | undefined {
  if (discipline.vehicle === hasVehicle) return undefined;
  return discipline.vehicle ? 'missing' : 'surplus';
}

/** The race numbers of a class. null: no limit. */
export interface Range {
  min: number | null;
  max: number | null;
}

/** Return whether a number is in a class's range; true below 1, which Directus refuses. A CSV import sends text. */
export function hasNumber({ min, max }: Range, given: unknown): boolean {
  if (typeof given !== 'number' && typeof given !== 'string') return true;
  const number = Number(given);
  if (number < 1) return true;
  return (min === null || number >= min) && (max === null || number <= max);
}

/** Return a range in words. */
export function rangeWords({ min, max }: Range): string {
  const low = min ?? 1;
  return max === null ? `from ${String(low)} on` : `from ${String(low)} to ${String(max)}`;
}
