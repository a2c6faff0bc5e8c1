/** Reads a request for a preview. Pure. */
import { InvalidBody } from '../lib/errors';
import { isKey } from '../lib/paths';
import { isRow, type Row } from '../lib/types';
import { FIELDS, isCollection, type Collection } from './fields';

/** The fields to change, with their new values. Shapes are GeoJSON. */
export interface Change {
  geometry?: string;
  location?: string;
  tolerance_meters?: number;
  speed_limit_kmh?: number;
  tolerance_kmh?: number;
}

export interface PreviewRequest {
  collection: Collection;
  id: string;
  change: Change;
}

const MOST_POINTS = 10_000;

function invalid(reason: string): never {
  throw new InvalidBody({ reason });
}

const isPosition = (value: unknown): value is [number, number] =>
  Array.isArray(value) &&
  value.length >= 2 &&
  value.every((one) => typeof one === 'number' && Number.isFinite(one)) &&
  Math.abs(value[0] as number) <= 180 &&
  Math.abs(value[1] as number) <= 90;

const flat = ([longitude, latitude]: [number, number]): [number, number] => [longitude, latitude];

function ringOf(value: unknown): [number, number][] {
  if (!Array.isArray(value) || value.length < 4 || value.length > MOST_POINTS || !value.every(isPosition))
    return invalid('geometry must be a GeoJSON polygon in degrees.');
  const ring = value.map(flat);
  const [first, last] = [ring[0], ring.at(-1)];
  return first?.[0] === last?.[0] && first?.[1] === last?.[1] ? ring : invalid('An outline must end where it begins.');
}

/** Return a shape as GeoJSON of two dimensions. The Studio sends a text or an object. */
function shape(value: unknown, type: 'Point' | 'Polygon'): string {
  const found: unknown = typeof value === 'string' ? parsed(value) : value;
  if (!isRow(found) || found['type'] !== type) return invalid(`The shape must be a GeoJSON ${type}.`);
  const { coordinates } = found;
  if (type === 'Point')
    return isPosition(coordinates)
      ? JSON.stringify({ type, coordinates: flat(coordinates) })
      : invalid('location must be in degrees.');
  if (!Array.isArray(coordinates) || coordinates.length === 0) return invalid('geometry must have an outline.');
  return JSON.stringify({ type, coordinates: coordinates.map(ringOf) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return invalid('The shape must be GeoJSON.');
  }
}

function number(change: Row, name: string, least: number): number {
  const value = change[name];
  return typeof value === 'number' && Number.isFinite(value) && value >= least
    ? value
    : invalid(`${name} must be a number of at least ${String(least)}.`);
}

function changeOf(collection: Collection, given: unknown): Change {
  if (!isRow(given) || Object.keys(given).length === 0) return invalid('change must name the fields to change.');
  const unknown = Object.keys(given).find((name) => !FIELDS[collection].includes(name));
  if (unknown !== undefined) return invalid(`Passes of ${collection} do not depend on ${unknown}.`);
  return {
    ...('geometry' in given && { geometry: shape(given['geometry'], 'Polygon') }),
    ...('location' in given && { location: shape(given['location'], 'Point') }),
    ...('tolerance_meters' in given && { tolerance_meters: number(given, 'tolerance_meters', 1) }),
    ...('speed_limit_kmh' in given && { speed_limit_kmh: number(given, 'speed_limit_kmh', 1) }),
    ...('tolerance_kmh' in given && { tolerance_kmh: number(given, 'tolerance_kmh', 0) }),
  };
}

/** Read the body of a request. Throws INVALID_BODY. */
export function previewRequestOf(body: unknown): PreviewRequest {
  if (!isRow(body)) return invalid('The body must be a JSON object.');
  const unknown = Object.keys(body).find((name) => !['collection', 'id', 'change'].includes(name));
  if (unknown !== undefined) invalid(`This request does not take ${unknown}.`);
  const { collection, id } = body;
  if (!isCollection(collection)) return invalid(`collection must be one of: ${Object.keys(FIELDS).join(', ')}.`);
  if (!isKey(id)) return invalid('id must be the id of a row.');
  return { collection, id, change: changeOf(collection, body['change']) };
}
