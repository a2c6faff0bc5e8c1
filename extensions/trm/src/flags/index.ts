/** Marks the positions of a flag as faulty, or as good again, in the flag's transaction; then requests new results. */
import type { HookConfig } from '@directus/types';
import { NoPositions, TenantForbidden, WindowTooLarge } from '../lib/errors';
import { isKey } from '../lib/paths';
import type { Reading, Row } from '../lib/types';
import { NEW, readingOf, valueAt } from '../lib/values';
import { outboxOf } from '../outbox/outbox';
import { windowFault, type Span } from './rules';

const span = (from: unknown, to: unknown): Span => ({ from: new Date(String(from)), to: new Date(String(to)) });

interface Event {
  organization_id: string;
  starts_at: Date;
  ends_at: Date;
}

/**
 * Return the IMEI of a flag's device; undefined if the flag names no stored event or no device.
 *
 * Throws TENANT_FORBIDDEN if the event's organisation has no such device, WINDOW_TOO_LARGE for a wrong stretch.
 */
async function imeiOf(reading: Reading, flag: Row, flagged: Span): Promise<string | undefined> {
  const { database } = reading;
  const [event, device] = [
    await valueAt(reading, 'position_flags', ['event_id'], flag),
    await valueAt(reading, 'position_flags', ['device_id'], flag),
  ];
  if (event === NEW || device === NEW)
    throw new TenantForbidden({ reason: 'Create the event and the device, and register the device, before the flag.' });
  // The guard refuses a value that is not a key, and Directus an empty one.
  if (!isKey(event) || !isKey(device)) return undefined;
  const found = (await database('events').where('id', event).first('*')) as Event | undefined;
  if (found === undefined) return undefined;
  const registered = database('organization_devices as o').join('devices as d', 'd.id', 'o.device_id');
  const own: Row | undefined = await registered
    .where({ 'o.organization_id': found.organization_id, 'd.id': device })
    .first('d.imei');
  if (own === undefined) throw new TenantForbidden({ reason: "The event's organisation does not have the device." });
  const fault = windowFault(flagged, { from: found.starts_at, to: found.ends_at });
  if (fault !== undefined) throw new WindowTooLarge({ reason: fault });
  return String(own['imei']);
}

/** Set `faulty` on the positions of a stretch, and return how many changed. Throws NO_POSITIONS. */
async function mark({ database }: Reading, imei: string, { from, to }: Span, faulty: boolean): Promise<number> {
  const stretch = database('positions').where('device_id', imei).whereBetween('ts', [from, to]);
  const changed = await stretch.clone().whereRaw('faulty IS DISTINCT FROM ?', [faulty]).update({ faulty });
  if (changed === 0 && (await stretch.clone().first('ts')) === undefined)
    throw new NoPositions({ reason: 'The device sent no position in this stretch.' });
  return changed;
}

const flags: HookConfig = ({ filter, action }, context) => {
  const outbox = outboxOf(context);

  filter<Row>('position_flags.items.create', async (payload, _meta, given) => {
    const flagged = span(payload['from_ts'], payload['to_ts']);
    // Directus refuses an invalid date, and the database a stretch that ends before it begins.
    if (!(flagged.to.getTime() >= flagged.from.getTime())) return payload;
    const reading = await readingOf(given, context.getSchema);
    const imei = await imeiOf(reading, payload, flagged);
    if (imei === undefined) return payload;
    const rows = await mark(reading, imei, flagged, payload['faulty'] !== false);
    return { ...payload, rows_affected: rows, emitted_at: null };
  });
  // After the commit. If this fails, the loop of the outbox tries again.
  action('position_flags.items.create', () => {
    void outbox.attempt(0);
  });
};

export default flags;
