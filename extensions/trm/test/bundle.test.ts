import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { endpoints, hooks, operations } from '../src';

const { entries } = manifest['directus:extension'];

test('package.json names the hooks, endpoints and operations of the bundle, and no others', () => {
  const named = (type: string): string[] => entries.filter((entry) => entry.type === type).map((entry) => entry.name);
  expect(hooks.map(({ name }) => name).sort()).toEqual(named('hook').sort());
  expect(endpoints.map(({ name }) => name)).toEqual(named('endpoint'));
  expect(operations.map(({ name }) => name)).toEqual(named('operation'));
});

test('every entry has a source file, and another name than the folder of the bundle', () => {
  for (const { name, source } of entries) {
    const files = typeof source === 'string' ? [source] : Object.values(source);
    for (const file of files) expect(existsSync(file), file).toBe(true);
    // Directus would confuse an entry that has the name of the bundle's folder with the bundle.
    expect(name).not.toBe('trm');
  }
});
