/** Starts the outbox, and makes it send at once after a change of the course. */
import type { HookConfig, PrimaryKey } from '@directus/types';
import { isKey } from '../lib/paths';
import { outboxOf } from './outbox';

/** The collections whose changes make triggers of the database request a recomputation. */
const PLACES = ['geofences', 'waypoints', 'speed_limit_zones'];

const outbox: HookConfig = ({ action, init }, context) => {
  const { database, logger } = context;
  const found = outboxOf(context);
  const attribute = async (keys: PrimaryKey[], user: string | null): Promise<void> => {
    const unsent = database('recompute_requests').whereIn('item', keys.filter(isKey)).whereNull('requested_by');
    if (user !== null) await unsent.update({ requested_by: user });
    await found.attempt(0);
  };
  for (const collection of PLACES) {
    action(`${collection}.items.update`, ({ keys }, { accountability }) => {
      attribute(keys as PrimaryKey[], accountability?.user ?? null).catch((error: unknown) => {
        logger.warn(error);
      });
    });
  }
  init('app.after', () => {
    found.start();
  });
};

export default outbox;
