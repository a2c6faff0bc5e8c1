/** The messages for the streams: flat texts, which are empty for fields that do not apply. Pure. */

/** The fields of a message. */
export type Message = Readonly<Record<string, string>>;

/** A stored flag, with what its message needs. */
export interface Flag {
  id: string;
  organization_id: string;
  event_id: string;
  entry_id: string | null;
  imei: string;
  from_ts: Date;
  to_ts: Date;
  faulty: boolean;
  rows_affected: number;
  user_created: string | null;
  created_at: Date;
}

/** A request to recompute the results that depend on a place. */
export interface Recompute {
  id: string;
  kind: string;
  organization_id: string | null;
  event_id: string;
  stage_id: string | null;
  requested_by: string | null;
  requested_at: Date;
}

/** A stored command, with what its message needs. */
export interface Command {
  id: string;
  organization_id: string;
  event_id: string;
  entry_id: string | null;
  imei: string;
  command: string;
  params: string | null;
  requested_by: string | null;
  created_at: Date;
}

const NOTHING = { stage_id: '', entry_id: '', device_id: '', from_ts: '', to_ts: '', faulty: '', rows_affected: '' };

export const ofFlag = (flag: Flag): Message => ({
  v: '1',
  // A message is sent at least once. The reader recognises a repeated one by this id.
  request_id: flag.id,
  kind: 'positions_faulty',
  organization_id: flag.organization_id,
  event_id: flag.event_id,
  ...NOTHING,
  entry_id: flag.entry_id ?? '',
  device_id: flag.imei,
  from_ts: flag.from_ts.toISOString(),
  to_ts: flag.to_ts.toISOString(),
  faulty: String(flag.faulty),
  rows_affected: String(flag.rows_affected),
  requested_by: flag.user_created ?? '',
  requested_at: flag.created_at.toISOString(),
});

export const ofRecompute = (request: Recompute): Message => ({
  v: '1',
  request_id: request.id,
  kind: request.kind,
  organization_id: request.organization_id ?? '',
  event_id: request.event_id,
  ...NOTHING,
  stage_id: request.stage_id ?? '',
  requested_by: request.requested_by ?? '',
  requested_at: request.requested_at.toISOString(),
});

export const ofCommand = (command: Command): Message => ({
  v: '1',
  command_id: command.id,
  organization_id: command.organization_id,
  event_id: command.event_id,
  entry_id: command.entry_id ?? '',
  device_id: command.imei,
  command: command.command,
  params: command.params ?? '',
  requested_by: command.requested_by ?? '',
  requested_at: command.created_at.toISOString(),
});
