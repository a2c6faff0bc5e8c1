import type { ApiExtensionContext } from '@directus/types';
import type { Router } from 'express';
import { expect, test, vi } from 'vitest';
import openapi from '../openapi.json' with { type: 'json' };
import { copying, copyRequestOf, lowestFree, registrationOf } from '../src/entries/rules';
import { define } from '../src/routes';

const ID = '0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01';

test('openapi.json describes the routes that are registered, and no others', () => {
  const found: string[] = [];
  const noting = (method: string) => (path: string): void => void found.push(`${method} /trm${path}`);
  define({ get: noting('get'), post: noting('post') } as unknown as Router, { env: {} } as ApiExtensionContext);
  const described = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  expect(described.sort()).toEqual(found.sort());
});

test('health reports how many items were not captured when the container booted', () => {
  const routes = new Map<string, (request: unknown, response: unknown) => void>();
  const keep = (path: string, handler: () => void): void => void routes.set(path, handler);
  define({ get: keep, post: keep } as unknown as Router, { env: {} } as ApiExtensionContext);
  const told = (value?: string): unknown => {
    vi.stubEnv('DIRECTUS_SYNC_UNCAPTURED', value);
    let found: { uncaptured?: unknown } = {};
    const response = { status: () => response, json: (body: typeof found) => void (found = body) };
    routes.get('/health')?.({}, response);
    return found.uncaptured;
  };
  expect([told('2'), told('0'), told()]).toEqual([2, 0, 0]);
  vi.unstubAllEnvs();
});

test('a registration names an event, a class and a role', () => {
  const body = { event_id: ID, class_id: ID, role: 'pilot' };
  expect(registrationOf(body)).toEqual({ ...body, vehicle_id: null, race_number: null, copy_crew_from: null });
  const changes = [{ event_id: 'x' }, { role: 1 }, { race_number: 0 }, { race_number: 1.5 }, { status: 'confirmed' }];
  for (const change of changes)
    expect(() => registrationOf({ ...body, ...change }), JSON.stringify(change)).toThrow();
  expect(() => registrationOf([body])).toThrow('The body must be a JSON object.');
});

test('a request to copy a crew may be empty', () => {
  expect(copyRequestOf(undefined)).toEqual({ source_entry_id: null, dry_run: false });
  expect(() => copyRequestOf({ dry_run: 'yes' })).toThrow('dry_run must be true or false.');
});

test('people are skipped who are in the crew, are not members, or have a role that the discipline lacks', () => {
  const names = ['there', 'gone', 'runner', 'pilot'];
  const crew = names.map((name) => ({ user_id: name, role: name === 'runner' ? name : 'pilot' }));
  expect(copying(crew, 'rally', new Set(['there']), new Set(['there', 'runner', 'pilot']))).toEqual({
    copied: [{ user_id: 'pilot', role: 'pilot' }],
    skipped: [
      { user_id: 'there', reason: 'already_in_crew' },
      { user_id: 'gone', reason: 'not_org_member' },
      { user_id: 'runner', reason: 'role_not_allowed' },
    ],
  });
});

test('the lowest free number fills gaps', () => {
  const [all, cars] = [{ min: null, max: null }, { min: 300, max: 301 }];
  expect([lowestFree(new Set(), all), lowestFree(new Set([1, 2, 4]), all)]).toEqual([1, 3]);
  expect([lowestFree(new Set([1, 300]), cars), lowestFree(new Set([300, 301]), cars)]).toEqual([301, undefined]);
});
