import { expect, test } from 'vitest';
import { answerOf, isNew, isToken } from '../src/commands/rules';
import { ofCommand, ofRecompute } from '../src/outbox/messages';

const DONE = { status: 'acknowledged', answer: 'ok', error: null } as const;

test('an answer acknowledges a command, or says why it failed', () => {
  expect(answerOf({ status: 'acknowledged', answer: 'ok' })).toEqual(DONE);
  expect(answerOf({ status: 'acknowledged' })).toEqual({ ...DONE, answer: null });
  expect(answerOf({ status: 'failed', error: 'no answer' })).toEqual({
    status: 'failed',
    answer: null,
    error: 'no answer',
  });
});

test.each([
  [[DONE], 'JSON object'],
  [{ status: 'sent' }, 'acknowledged or failed'],
  [{ status: 'failed' }, 'error must say why'],
  [{ status: 'failed', error: '' }, 'error must say why'],
  [{ status: 'failed', error: 'x', answer: 'y' }, 'instead of an answer'],
  [{ status: 'acknowledged', error: 'x' }, 'no error'],
  [{ status: 'acknowledged', answer: 7 }, 'must be a text'],
  [{ status: 'acknowledged', answer: 'a\0b' }, 'must be a text'],
  [{ status: 'failed', error: 'x'.repeat(256) }, '255 characters'],
  [{ status: 'acknowledged', id: 1 }, 'does not take id'],
])('the answer %j is refused', (body, reason) => {
  expect(() => answerOf(body)).toThrow(reason);
});

test('the same answer again is not new, and a different one is refused', () => {
  for (const status of ['queued', 'sent']) expect(isNew({ status, answer: null, error: null }, DONE)).toBe(true);
  expect(isNew(DONE, DONE)).toBe(false);
  for (const change of [{ answer: 'else' }, { status: 'failed', answer: null, error: 'x' }])
    expect(() => isNew({ ...DONE, ...change }, DONE)).toThrow('already');
});

test('a wrong token is refused, and without a setting every token is', () => {
  expect(isToken('secret', 'secret')).toBe(true);
  for (const [given, wanted] of [['secre', 'secret'], ['', ''], [undefined, 'secret'], [undefined, undefined]])
    expect(isToken(given, wanted)).toBe(false);
});

test('fields of a message that do not apply are empty', () => {
  const known = { id: 'i', organization_id: 'o', event_id: 'e', requested_by: null };
  const at = new Date('2026-06-07T06:00:00Z');
  const command = { ...known, entry_id: null, imei: '35', command: 'getgps', params: null, created_at: at };
  expect(ofCommand(command)).toEqual({
    v: '1',
    command_id: 'i',
    organization_id: 'o',
    event_id: 'e',
    entry_id: '',
    device_id: '35',
    command: 'getgps',
    params: '',
    requested_by: '',
    requested_at: '2026-06-07T06:00:00.000Z',
  });
  const request = ofRecompute({ ...known, kind: 'geometry', stage_id: null, requested_at: at });
  expect([request['kind'], request['stage_id'], request['faulty']]).toEqual(['geometry', '', '']);
});
