import { expect, test } from 'vitest';
import { latest } from '../src/studio/latest';
import { read, shown } from '../src/studio/rules';

test.each([
  [0, 's', '0:00:00'],
  [59, 's', '0:00:59'],
  [3661, 's', '1:01:01'],
  [360_000, 's', '100:00:00'],
  [128_250, 'ms', '0:02:08.250'],
  ['845250', 'ms', '0:14:05.250'],
  [-60, 's', '-0:01:00'],
  [null, 's', ''],
  ['', 's', ''],
] as const)('%s %s is shown as %s', (value, unit, text) => {
  expect(shown(value, unit)).toBe(text);
});

test.each([
  ['90', 's', 90],
  ['1:30', 's', 90],
  ['1:01:01', 's', 3661],
  ['90:00', 's', 5400],
  ['0:02:08.25', 'ms', 128_250],
  ['12,5', 'ms', 12_500],
  [' ', 's', null],
  ['1:75', 's', undefined],
  ['1:60:00', 's', undefined],
  ['0:01.5', 's', undefined],
  ['a minute', 's', undefined],
] as const)('%s is read in %s as %s', (text, unit, value) => {
  expect(read(text, unit)).toBe(value);
});

test('a shown duration is read back', () => {
  for (const unit of ['s', 'ms'] as const)
    for (const value of [0, 1, 59, 60, 3599, 3600, 86_399_999]) expect(read(shown(value, unit), unit)).toBe(value);
});

test('a slow answer does not replace the answer to a later request', async () => {
  const replies: ((rows: string) => void)[] = [];
  const rowsOf = latest((event: string) => new Promise<string>((reply) => {
    replies.push((rows) => { reply(`${event}: ${rows}`); });
  }));
  const asked = [rowsOf('old'), rowsOf('new')];
  for (const reply of replies.reverse()) reply('rows');
  expect(await Promise.all(asked)).toEqual([undefined, 'new: rows']);
  const again = rowsOf('old');
  replies.at(-1)?.('rows');
  expect(await again).toBe('old: rows');
});
