/** Reads the audit trail, for who may. Triggers of the database write it. */
import { Forbidden } from '../lib/errors';
import type { Row } from '../lib/types';
import { roleIn, type Asked } from '../entries/request';
import { COLUMNS, type AuditRequest } from './rules';

const READERS = new Set(['org-admin', 'race-director']);

async function requireAllowed(asked: Asked, organization: string | null): Promise<void> {
  if (asked.accountability.admin) return;
  const role = organization === null ? undefined : await roleIn(asked, organization);
  // The same words whether there is such an organisation or not.
  if (role === undefined || !READERS.has(role))
    throw new Forbidden({ reason: 'Only administrators and race directors of the organisation read its audit trail.' });
}

/** Return the changes that are asked for, the newest first. */
export async function trail(asked: Asked, request: AuditRequest): Promise<Row[]> {
  const { organization_id: organization, collection, item, from, to, before, limit } = request;
  await requireAllowed(asked, organization);
  const rows = asked.trx('audit_trail').orderBy('id', 'desc').limit(limit);
  if (organization === null) void rows.whereNull('organization_id');
  else void rows.where('organization_id', organization);
  if (collection !== null) void rows.where('collection', collection);
  if (item !== null) void rows.where('item', item);
  if (from !== null) void rows.where('at', '>=', from);
  if (to !== null) void rows.where('at', '<', to);
  if (before !== null) void rows.where('id', '<', before);
  return (await rows.select([...COLUMNS])) as Row[];
}
