/** The parts of Directus's schema that the paths need. */
import type { SchemaOverview } from '@directus/types';

const relation = (collection: string, field: string, related: string, alias: string | null = null): unknown => ({
  collection,
  field,
  related_collection: related,
  meta: { one_field: alias },
});

export const schema = {
  collections: {},
  relations: [
    relation('entries', 'event_id', 'events'),
    relation('entries', 'class_id', 'classes'),
    relation('classes', 'event_id', 'events'),
    relation('entry_crew', 'entry_id', 'entries', 'entry_crew'),
    relation('events', 'organization_id', 'organizations'),
    relation('organization_vehicles', 'vehicle_id', 'vehicles', 'organization_vehicles'),
    relation('organization_vehicles', 'organization_id', 'organizations', 'organization_vehicles'),
  ],
} as unknown as SchemaOverview;
