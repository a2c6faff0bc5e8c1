/** Sends what waits in the database to streams of Redis: at least once, and later if Redis does not answer. */
import type { ApiExtensionContext } from '@directus/types';
import { Redis } from 'ioredis';
import type { Knex } from 'knex';
import { SOURCES, type Source } from './sources';

const LENGTH = 10_000;
const LOOP_SECONDS = 5;
const AGE_SECONDS = 30;

type Context = Pick<ApiExtensionContext, 'database' | 'env' | 'logger'>;

export class Outbox {
  private readonly redis: Redis | undefined;
  private out = false;

  constructor(private readonly context: Context) {
    const url: unknown = context.env['TRM_REDIS'];
    if (typeof url !== 'string' || url === '') return;
    // Fails at once instead of waiting, and connects when it is first needed.
    this.redis = new Redis(url, { maxRetriesPerRequest: 1, enableOfflineQueue: false, lazyConnect: true });
    this.redis.on('error', (error: Error) => {
      this.missing(error);
    });
  }

  /** Send what has waited for some seconds; say nothing more than once of an outage. */
  async attempt(seconds: number): Promise<void> {
    const { redis } = this;
    if (redis === undefined) return;
    // Nothing starts an outbox that Directus loads after its own start.
    if (redis.status === 'wait') await this.connect(redis);
    if (redis.status !== 'ready') return;
    for (const source of SOURCES) {
      try {
        const sent = await this.drain(redis, source, seconds);
        if (sent > 0) this.out = false;
      } catch (error) {
        this.missing(error);
      }
    }
  }

  /** Connect, and send again and again what was not sent. */
  start(): void {
    if (this.redis === undefined) {
      this.context.logger.warn('TRM_REDIS is not set: requests to recompute, and commands to devices, are not sent.');
      return;
    }
    const age = Number(this.context.env['TRM_OUTBOX_SECONDS'] ?? AGE_SECONDS);
    void this.connect(this.redis);
    setInterval(() => void this.attempt(age), Math.min(LOOP_SECONDS, age) * 1000).unref();
  }

  private drain(redis: Redis, { stream, take }: Source, seconds: number): Promise<number> {
    return this.context.database.transaction(async (trx: Knex) => {
      const waiting = await take(trx, seconds);
      for (const { message, sent } of waiting) {
        await redis.xadd(stream, 'MAXLEN', '~', LENGTH, '*', ...Object.entries(message).flat());
        await sent();
      }
      return waiting.length;
    });
  }

  private async connect(redis: Redis): Promise<void> {
    await redis.connect().catch((error: unknown) => {
      this.missing(error);
    });
  }

  private missing(error: unknown): void {
    if (!this.out) this.context.logger.warn(`Redis does not take what is to be sent, which waits: ${String(error)}`);
    this.out = true;
  }
}

// Of the process, not of this module: Directus loads all of the extension again when a part is switched off or on.
const SHARED = Symbol.for('trm.outbox');
const kept = globalThis as unknown as Record<symbol, Outbox | undefined>;

/** Return the one of this process: all parts of the bundle share its connection. */
export const outboxOf = (context: Context): Outbox => (kept[SHARED] ??= new Outbox(context));
