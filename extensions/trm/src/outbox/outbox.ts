/** Sends waiting rows of the database to Redis streams: at least once, and later if Redis does not answer. */
import type { ApiExtensionContext } from '@directus/types';
import { Redis } from 'ioredis';
import type { Knex } from 'knex';
import { secondsOf, textOf } from '../lib/settings';
import { SOURCES, type Source } from './sources';

const LENGTH = 10_000;
const LOOP_SECONDS = 5;
const AGE_SECONDS = 30;

type Context = Pick<ApiExtensionContext, 'database' | 'env' | 'logger'>;

export class Outbox {
  private readonly redis: Redis | undefined;
  private out = false;

  constructor(private readonly context: Context) {
    this.redis = this.opened();
    this.redis?.on('ready', () => {
      this.out = false;
    });
    this.redis?.on('error', (error: Error) => {
      this.missing(error);
    });
  }

  /** Send what has waited for some seconds. Log each outage only once. */
  async attempt(seconds: number): Promise<void> {
    const { redis } = this;
    if (redis === undefined) return;
    // If Directus loads the extension after its own start, nobody has called `start`.
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

  /** Connect, and repeatedly send what is still waiting. */
  start(): void {
    if (this.redis === undefined) return;
    const age = secondsOf(this.context, 'TRM_OUTBOX_SECONDS', AGE_SECONDS, 1);
    void this.connect(this.redis);
    setInterval(() => void this.attempt(age), Math.min(LOOP_SECONDS, age) * 1000).unref();
  }

  /** Return the client of the Redis in TRM_REDIS; log why there is none. */
  private opened(): Redis | undefined {
    const url = textOf(this.context, 'TRM_REDIS');
    let reason = 'is not set';
    try {
      // Requests to Redis fail at once instead of waiting. The connection is opened when it is first needed.
      const options = { maxRetriesPerRequest: 1, enableOfflineQueue: false, lazyConnect: true };
      if (url !== undefined) return new Redis(url, options);
    } catch (error) {
      reason = `is not the URL of a Redis (${String(error)})`;
    }
    this.context.logger.warn(`TRM_REDIS ${reason}: requests to recompute, and commands to devices, are not sent.`);
    return undefined;
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
    if (!this.out) this.context.logger.warn(`Redis accepts no messages; they are sent later: ${String(error)}`);
    this.out = true;
  }
}

// One for each process, not for each module: Directus reloads the whole extension when a part is switched on or off.
const SHARED = Symbol.for('trm.outbox');
const kept = globalThis as unknown as Record<symbol, Outbox | undefined>;

/** Return the process's outbox. All parts of the bundle share its connection. */
export const outboxOf = (context: Context): Outbox => (kept[SHARED] ??= new Outbox(context));
