/** Reads settings from the environment. Logs a wrong value and uses the default, so that Directus still starts. */
import type { ApiExtensionContext } from '@directus/types';

type Context = Pick<ApiExtensionContext, 'env' | 'logger'>;

const DAY = 24 * 3600;

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

/** Return a number of seconds between the least one and a day. Directus reads a text like 30 as a number. */
export function secondsOf({ env, logger }: Context, name: string, usual: number, least: number): number {
  const value: unknown = env[name];
  if (!isSet(value)) return usual;
  const seconds = typeof value === 'number' || typeof value === 'string' ? Number(value) : NaN;
  if (seconds >= least && seconds <= DAY) return seconds;
  const range = `from ${String(least)} to ${String(DAY)}`;
  logger.warn(`${name} must be a number of seconds ${range}, not ${String(value)}: ${String(usual)} is used.`);
  return usual;
}

/** Return a text; undefined without one. It may be secret, so it is not logged. */
export function textOf({ env, logger }: Context, name: string): string | undefined {
  const value: unknown = env[name];
  if (!isSet(value)) return undefined;
  if (typeof value === 'string') return value;
  logger.warn(`${name} is ignored, because Directus does not read it as a text. Put string: before it.`);
  return undefined;
}
