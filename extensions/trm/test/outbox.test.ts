import type { Redis } from 'ioredis';
import { afterEach, expect, test, vi } from 'vitest';
import { secondsOf, textOf } from '../src/lib/settings';
import { Outbox } from '../src/outbox/outbox';

const warnings: string[] = [];
const context = (env: Record<string, unknown>): ConstructorParameters<typeof Outbox>[0] =>
  ({ env, database: {}, logger: { warn: (text: string) => warnings.push(text) } }) as never;
const URL = 'redis://127.0.0.1:1';

afterEach(() => {
  warnings.length = 0;
  vi.restoreAllMocks();
});

test.each([undefined, null, '', '7', 7])('%j as a number of seconds is accepted', (value) => {
  const wanted = value === '7' || value === 7 ? 7 : 30;
  expect(secondsOf(context({ TRM_X: value }), 'TRM_X', 30, 1)).toBe(wanted);
  expect(warnings).toEqual([]);
});

test.each(['abc', '0', '-5', 'Infinity', '1e9', true, [7]])('instead of %j seconds, the default is used', (value) => {
  expect(secondsOf(context({ TRM_X: value }), 'TRM_X', 30, 1)).toBe(30);
  expect(warnings).toEqual([`TRM_X must be a number of seconds from 1 to 86400, not ${String(value)}: 30 is used.`]);
});

test('a text that Directus reads as something else is ignored and not shown', () => {
  expect(textOf(context({ TRM_X: 'secret' }), 'TRM_X')).toBe('secret');
  expect([undefined, ''].map((value) => textOf(context({ TRM_X: value }), 'TRM_X'))).toEqual([undefined, undefined]);
  expect(warnings).toEqual([]);
  expect(textOf(context({ TRM_X: 1234 }), 'TRM_X')).toBeUndefined();
  expect(warnings).toEqual(['TRM_X is ignored, because Directus does not read it as a text. Put string: before it.']);
});

test.each(['redis://[::1', 'redis://%zz@here'])('with the URL %s nothing is sent, and the log says so', (url) => {
  const outbox = new Outbox(context({ TRM_REDIS: url }));
  outbox.start();
  expect(warnings).toEqual([expect.stringContaining('TRM_REDIS is not the URL of a Redis')]);
});

test('a wrong age does not make the loop spin', () => {
  const repeat = vi.spyOn(globalThis, 'setInterval').mockReturnValue({ unref: vi.fn() } as never);
  const outbox = new Outbox(context({ TRM_REDIS: URL, TRM_OUTBOX_SECONDS: 'abc' }));
  vi.spyOn(redisOf(outbox), 'connect').mockResolvedValue();
  outbox.start();
  expect(repeat.mock.calls.map(([, milliseconds]) => milliseconds)).toEqual([5000]);
});

test('each outage is logged once, even if nothing was sent in between', () => {
  const redis = redisOf(new Outbox(context({ TRM_REDIS: URL })));
  for (const name of ['error', 'error', 'ready', 'error']) redis.emit(name, new Error('refused'));
  expect(warnings).toHaveLength(2);
});

const redisOf = (outbox: Outbox): Redis => (outbox as unknown as { redis: Redis }).redis;
