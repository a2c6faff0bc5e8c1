/** Sends what flags ask for to a stream of Redis: at least once, and later if Redis does not answer. */
import type { ApiExtensionContext } from '@directus/types';
import { Redis } from 'ioredis';
import type { Knex } from 'knex';
import { message, type Flag } from './rules';

const STREAM = 'recompute:requests';
const LENGTH = 10_000;
const BATCH = 100;
const LOOP_SECONDS = 5;
const AGE_SECONDS = 30;

const waiting = (trx: Knex, seconds: number): Promise<Flag[]> =>
  trx('position_flags as f')
    .join('devices as d', 'd.id', 'f.device_id')
    .join('events as e', 'e.id', 'f.event_id')
    .whereNull('f.emitted_at')
    .whereRaw("f.created_at <= now() - ? * interval '1 s'", [seconds])
    .orderBy('f.created_at')
    .limit(BATCH)
    // Who else sends at the same time, takes others.
    .forUpdate('f')
    .skipLocked()
    .select<Flag[]>('f.*', 'd.imei', 'e.organization_id');

export class Outbox {
  private readonly redis: Redis | undefined;
  private out = false;

  constructor(private readonly context: Pick<ApiExtensionContext, 'database' | 'env' | 'logger'>) {
    const url: unknown = context.env['TRM_REDIS'];
    if (typeof url !== 'string' || url === '') return;
    // Fails at once instead of waiting, and connects when it is first needed.
    this.redis = new Redis(url, { maxRetriesPerRequest: 1, enableOfflineQueue: false, lazyConnect: true });
    this.redis.on('error', (error: Error) => {
      this.missing(error);
    });
  }

  /** Send what is older than some seconds and was not sent; say nothing more than once of an outage. */
  async attempt(seconds: number): Promise<void> {
    try {
      const sent = await this.drain(seconds);
      if (sent > 0) this.out = false;
    } catch (error) {
      this.missing(error);
    }
  }

  /** Connect, and send again and again what was not sent. */
  start(): void {
    if (this.redis === undefined) {
      this.context.logger.warn('TRM_REDIS is not set: nobody is told which positions became faulty.');
      return;
    }
    const age = Number(this.context.env['TRM_OUTBOX_SECONDS'] ?? AGE_SECONDS);
    void this.redis.connect().catch((error: unknown) => {
      this.missing(error);
    });
    setInterval(() => void this.attempt(age), Math.min(LOOP_SECONDS, age) * 1000).unref();
  }

  private async drain(seconds: number): Promise<number> {
    const { redis } = this;
    if (redis === undefined || redis.status !== 'ready') return 0;
    return this.context.database.transaction(async (trx) => {
      const flags = await waiting(trx, seconds);
      for (const flag of flags) {
        await redis.xadd(STREAM, 'MAXLEN', '~', LENGTH, '*', ...message(flag));
        await trx('position_flags').where('id', flag.id).update({ emitted_at: trx.fn.now() });
      }
      return flags.length;
    });
  }

  private missing(error: unknown): void {
    if (!this.out) this.context.logger.warn(`Redis does not take what flags ask for, which waits: ${String(error)}`);
    this.out = true;
  }
}
