import { expect, test } from 'vitest';
import { explain } from '../src/refusals/rules';

const refused = (code: string, message: string, constraint: string, table: string): Error =>
  Object.assign(new Error(`insert into "t" values ('x') returning "id" - ${message}`), { code, constraint, table });

test('a violated CHECK answers with the sentence of its rule, without the row', () => {
  const error = refused('23514', 'new row for relation "events" violates check constraint "events_window_check"',
    'events_window_check', 'events');
  const told = explain(Object.assign(error, { detail: 'Failing row contains (secret).' }));
  expect(told).toMatchObject({ code: 'CONSTRAINT_VIOLATED', status: 400, message: 'The event ends after it starts.' });
  expect(JSON.stringify(told)).not.toContain('secret');
});

test('a trigger answers with its own sentence', () => {
  const said = 'The outline of Area is no area: self-intersection at longitude -19.85, latitude 41. Draw it anew.';
  const error = refused('23514', said, 'geofences_geometry_check', 'geofences');
  expect(explain(error)).toMatchObject({ status: 400, message: said });
});

test('a row that other rows refer to is in use', () => {
  const message = 'update or delete on table "classes" violates foreign key constraint "k" on table "entries"';
  const told = explain(refused('23503', message, 'k', 'entries'));
  expect(told).toMatchObject({ code: 'ROW_IN_USE', status: 409 });
  expect(told).toHaveProperty('message', 'Rows of entries refer to this row; delete them first.');
});

test('other errors stay unchanged, in a list, too', () => {
  const other = new Error('other');
  expect(explain(other)).toBe(other);
  expect(explain([other])).toEqual([other]);
  const broken = Object.assign(new Error('x'), { code: '08006' });
  expect(explain(broken)).toBe(broken);
});
