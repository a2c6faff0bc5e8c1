import { expect, test } from 'vitest';
import { windowFault } from '../src/flags/rules';
import { ofFlag } from '../src/outbox/messages';

const at = (text: string): Date => new Date(`2026-06-${text}Z`);
const event = { from: at('06T06:00:00'), to: at('13T18:00:00') };

test('a stretch is at most a day long, and within the event or a day before or after it', () => {
  expect(windowFault({ from: at('07T00:00:00'), to: at('08T00:00:00') }, event)).toBeUndefined();
  expect(windowFault({ from: at('07T00:00:00'), to: at('08T00:00:00.001') }, event)).toContain('24 hours');
  expect(windowFault({ from: at('05T06:00:00'), to: at('05T07:00:00') }, event)).toBeUndefined();
  expect(windowFault({ from: at('05T05:59:59'), to: at('05T07:00:00') }, event)).toContain('within the event');
  expect(windowFault({ from: at('14T17:00:00'), to: at('14T18:00:01') }, event)).toContain('within the event');
});

test('a message is flat, names its subject, and is empty in fields that do not apply', () => {
  const flag = {
    id: 'f', organization_id: 'o', event_id: 'e', entry_id: null, imei: '350000000000001', from_ts: at('07T00:00:00'),
    to_ts: at('07T00:10:00'), faulty: true, rows_affected: 600, user_created: 'u', created_at: at('08T00:00:00'),
  };
  expect(ofFlag(flag)).toEqual({
    v: '1', request_id: 'f', kind: 'positions_faulty', organization_id: 'o', event_id: 'e', stage_id: '', entry_id: '',
    device_id: '350000000000001', from_ts: '2026-06-07T00:00:00.000Z', to_ts: '2026-06-07T00:10:00.000Z',
    faulty: 'true', rows_affected: '600', requested_by: 'u', requested_at: '2026-06-08T00:00:00.000Z',
  });
});
