import { expect, test } from 'vitest';
import openapi from '../openapi.json' with { type: 'json' };
import { auditRequestOf, COLUMNS, csvOf } from '../src/audit/rules';

const ID = '0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01';

test('an empty request asks for the last hundred changes of rights', () => {
  expect(auditRequestOf({})).toEqual({
    organization_id: null,
    collection: null,
    item: null,
    from: null,
    to: null,
    before: null,
    limit: 100,
    csv: false,
  });
});

test('the parameters of a request narrow it', () => {
  const query = { organization_id: ID, from: '2026-06-07T06:00:00Z', before: '12', limit: '10000', format: 'csv' };
  expect(auditRequestOf(query)).toMatchObject({
    organization_id: ID,
    from: new Date('2026-06-07T06:00:00Z'),
    before: '12',
    limit: 10_000,
    csv: true,
  });
});

test('an invalid query is refused', () => {
  const wrong = [
    { organization_id: 'A' },
    { from: 'yesterday' },
    { before: '-1' },
    { limit: '1.5' },
    { limit: '0' },
    { limit: '10001' },
    { format: 'xml' },
    { item: ['1', '2'] },
    { filter: {} },
  ];
  for (const query of wrong) expect(() => auditRequestOf(query), JSON.stringify(query)).toThrow();
});

test('openapi.json describes the query and the columns', () => {
  const { parameters } = openapi.paths['/trm/audit'].get;
  for (const { name } of parameters) expect(() => auditRequestOf({ [name]: '' }), name).not.toThrow();
  expect(Object.keys(openapi.components.schemas.Change.properties)).toEqual([...COLUMNS]);
});

test('a CSV cell is quoted if it must be, and does not start a formula', () => {
  const row = { id: '1', at: new Date(0), item: 'a,"b"', after: { x: 1 }, email: '=1+1', ip: null };
  const [names, cells, end] = csvOf([row]).split('\r\n');
  expect(names).toBe(COLUMNS.join(','));
  expect(cells).toBe('1,1970-01-01T00:00:00.000Z,,,"a,""b""",,,"{""x"":1}",,\'=1+1,,,,');
  expect(end).toBe('');
});
