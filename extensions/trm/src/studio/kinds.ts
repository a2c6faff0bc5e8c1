/** The rows that a picker offers: their collection, their path to the event, and their texts. Pure. */

export type Row = Readonly<Record<string, unknown>>;

export interface Kind {
  collection: string;
  /** The path to the event. */
  event: string;
  fields: readonly string[];
  text: (row: Row) => string;
}

const word = (row: Row, path: string): string => {
  const found = path.split('.').reduce<unknown>((value, name) => (value as Row | null | undefined)?.[name], row);
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
};

const kind = (collection: string, event: string, ...fields: string[]): Kind => ({
  collection,
  event,
  fields,
  text: (row) => fields.map((field) => word(row, field)).filter((text) => text !== '').join(' · '),
});

const ENTRIES = kind('entries', 'event_id', 'race_number', 'vehicle_id.make', 'vehicle_id.model');

/** The kinds by belongs_to_type or by collection. */
export const KINDS: Readonly<Record<string, Kind>> = {
  class: kind('classes', 'event_id', 'code', 'name'),
  geofence: kind('geofences', 'event_id', 'name'),
  segment: kind('segments', 'stage_id.event_id', 'stage_id.name', 'name', 'type'),
  speed_limit_zone: kind('speed_limit_zones', 'event_id', 'name'),
  stage: kind('stages', 'event_id', 'name'),
  waypoint: kind('waypoints', 'segment_id.stage_id.event_id', 'segment_id.name', 'type', 'name'),
  entries: { ...ENTRIES, text: (row) => `#${ENTRIES.text(row)}` },
};

/** Return the query for the rows of an event. */
export function queryFor({ event, fields }: Kind, key: string): Record<string, unknown> {
  const filter = event.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), { _eq: key });
  return { fields: ['id', ...fields], filter, limit: -1 };
}

export interface Choice {
  text: string;
  value: string;
}

/** Return the choices, sorted by text; numbers in the text sort by value. */
export function choicesOf({ text }: Kind, rows: readonly Row[]): Choice[] {
  const choices = rows.map((row) => ({ text: text(row), value: String(row['id']) }));
  return choices.sort((left, right) => left.text.localeCompare(right.text, undefined, { numeric: true }));
}

/** Return a list with one item moved up by one place. */
export function raised(list: readonly string[], index: number): string[] {
  const above = list[index - 1];
  const item = list[index];
  if (above === undefined || item === undefined) return [...list];
  return [...list.slice(0, index - 1), item, above, ...list.slice(index + 1)];
}
