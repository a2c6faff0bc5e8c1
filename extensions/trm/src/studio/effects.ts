/** Turns a preview into rows of a table and a sketch of a map. Pure. */
import { FIELDS, type Collection } from '../preview/fields';
import { shown } from './rules';

type Values = Readonly<Record<string, unknown>>;
type Position = readonly [longitude: number, latitude: number];

export interface State {
  passes: number;
  at: string | null;
  distance_m: number | null;
  peak_kmh: number | null;
  speeding: readonly number[];
}

interface Cost {
  seconds: number;
  outcome: string;
}

export interface Entry {
  race_number: number;
  near: Position | null;
  before: State;
  after: State;
  penalties: readonly { type: string; before: Cost; after: Cost }[];
  time_ms: number;
  decided: boolean;
}

interface Place {
  position: number | null;
  total_time_ms: number | null;
}

export interface Result {
  race_number: number;
  publication: string;
  before: Place;
  after: Place;
}

export interface Preview {
  retroactive: boolean;
  entries: readonly Entry[];
  results: readonly Result[];
}

/** Return the form's fields that differ from the stored row; undefined if none does. */
export function changeOf(collection: Collection, stored: Values, form: Values): Values | undefined {
  const changed = FIELDS[collection].filter((name) => JSON.stringify(stored[name]) !== JSON.stringify(form[name]));
  return changed.length === 0 ? undefined : Object.fromEntries(changed.map((name) => [name, form[name]]));
}

const arrow = (before: string, after: string): string => (before === after ? before : `${before} → ${after}`);
const signed = (milliseconds: number, unit: 's' | 'ms'): string =>
  milliseconds === 0 ? '' : `${milliseconds > 0 ? '+' : ''}${shown(milliseconds, unit)}`;

function detail({ before, after }: Entry): string {
  const meters = ({ distance_m: meters }: State): string => (meters === null ? '' : `${meters.toFixed(1)} m`);
  const fast = ({ speeding }: State): string => speeding.map((one) => `+${one.toFixed(0)} km/h`).join(', ') || '–';
  if (before.distance_m !== null || after.distance_m !== null) return arrow(meters(before), meters(after));
  const sped = before.speeding.length + after.speeding.length > 0;
  return sped ? arrow(fast(before), fast(after)) : '';
}

/** Return a line of the table: race number, passes, distance or speeding, penalty, time. */
export function entryLine(entry: Entry): string[] {
  const { race_number, before, after, penalties, time_ms, decided } = entry;
  const seconds = penalties.reduce((sum, one) => sum + one.after.seconds - one.before.seconds, 0);
  const outcomes = penalties.filter((one) => one.before.outcome !== one.after.outcome);
  const words = outcomes.map((one) => arrow(one.before.outcome, one.after.outcome).toUpperCase());
  const penalty = [signed(seconds, 's'), ...words].filter((text) => text !== '').join(', ');
  return [
    `#${String(race_number)}`,
    arrow(String(before.passes), String(after.passes)),
    detail(entry),
    decided ? `(${penalty})` : penalty,
    signed(time_ms, 'ms'),
  ];
}

/** Return a line of the table: race number, position, time, whether it is official. */
export function resultLine({ race_number, publication, before, after }: Result): string[] {
  const position = (place: Place): string => (place.position === null ? '–' : `${String(place.position)}.`);
  const total = (place: Place): string => shown(place.total_time_ms, 'ms') || '–';
  return [
    `#${String(race_number)}`,
    arrow(position(before), position(after)),
    arrow(total(before), total(after)),
    publication === 'official' ? '✓' : '',
  ];
}

/** A place to draw: an outline, or a circle around a point. */
export interface Shape {
  outline: readonly Position[];
  radius: number;
}

interface Geometry {
  type: string;
  coordinates: unknown;
}

/** Return the shape of a row; undefined for a row that has none. */
export function shapeOf(row: Values): Shape | undefined {
  const given = (row['geometry'] ?? row['location']) as Geometry | null | undefined;
  if (given?.type === 'Point')
    return { outline: [given.coordinates as Position], radius: Number(row['tolerance_meters'] ?? 0) };
  if (given?.type !== 'Polygon') return undefined;
  return { outline: (given.coordinates as Position[][])[0] ?? [], radius: 0 };
}

const METERS_OF_A_DEGREE = 111_320;

export interface Sketch {
  /** Left, top, width and height, in metres. */
  box: readonly [number, number, number, number];
  shapes: readonly { path: string; circle: readonly [x: number, y: number, radius: number] | null }[];
  dots: readonly { x: number; y: number; text: string }[];
}

/** Return shapes and dots in metres from the first point of the first shape; north is up. Undefined without a shape. */
export function sketch(shapes: readonly Shape[], entries: readonly Entry[]): Sketch | undefined {
  const origin = shapes[0]?.outline[0];
  if (origin === undefined) return undefined;
  const [west, south] = origin;
  const east = METERS_OF_A_DEGREE * Math.cos((south * Math.PI) / 180);
  const flat = ([longitude, latitude]: Position): [number, number] => [
    Math.round((longitude - west) * east),
    Math.round((south - latitude) * METERS_OF_A_DEGREE),
  ];
  const drawn = shapes.map(({ outline, radius }) => {
    const points = outline.map(flat);
    const [center] = points;
    const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${String(x)} ${String(y)}`).join(' ');
    if (radius > 0 && center) return { path: '', circle: [...center, radius] as const };
    return { path: `${path} Z`, circle: null };
  });
  const dots = entries.flatMap(({ near, race_number }) => {
    if (near === null) return [];
    const [x, y] = flat(near);
    return [{ x, y, text: String(race_number) }];
  });
  const edges = shapes.flatMap(({ outline, radius }) =>
    outline.map(flat).flatMap(([x, y]) => [[x - radius, y - radius], [x + radius, y + radius]] as const),
  );
  const all = [...edges, ...dots.map(({ x, y }) => [x, y] as const)];
  const [xs, ys] = [all.map(([x]) => x), all.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - top];
  const margin = Math.max(10, Math.max(width, height) / 10);
  return { box: [left - margin, top - margin, width + 2 * margin, height + 2 * margin], shapes: drawn, dots };
}

const ENGLISH = {
  show: 'Show the effect',
  new: 'There is an effect once it is saved and somebody has passed.',
  same: 'Change the outline, the place, the tolerance or the limit first.',
  nothing: 'By the recorded positions this changes nothing.',
  forward: 'Retroactive is off: what was crossed already stays as it is.',
  entries: ['Entry', 'Passes', 'By', 'Penalty', 'Time'],
  results: ['Entry', 'Position', 'Total time', 'Official'],
  decided: 'In brackets: the stewards decided, so it stays.',
};
const ALBANIAN: typeof ENGLISH = {
  show: 'Trego ndikimin',
  new: 'Ndikimi shihet pasi të ruhet dhe dikush të ketë kaluar.',
  same: 'Ndrysho më parë konturin, vendin, tolerancën ose kufirin.',
  nothing: 'Sipas pozicioneve të regjistruara kjo nuk ndryshon asgjë.',
  forward: 'Prapaveprimi është joaktiv: kalimet e deritanishme mbeten siç janë.',
  entries: ['Pjesëmarrja', 'Kalime', 'Sipas', 'Penaliteti', 'Koha'],
  results: ['Pjesëmarrja', 'Vendi', 'Koha totale', 'Zyrtar'],
  decided: 'Në kllapa: komisarët kanë vendosur, prandaj mbetet.',
};

/** Return the texts in a language of the Studio. */
export const wordsOf = (language: string): typeof ENGLISH => (language.startsWith('sq') ? ALBANIAN : ENGLISH);
