/** Reads the audit trail for users who may read it. Triggers in the database write it. */
import { Forbidden } from '../lib/errors';
import type { Row } from '../lib/types';
import { roleIn, type RequestContext } from '../entries/request';
import { COLUMNS, type AuditRequest } from './rules';

const READERS = new Set(['org-admin', 'race-director']);

async function requireAllowed(context: RequestContext, organization: string | null): Promise<void> {
  if (context.accountability.admin) return;
  const role = organization === null ? undefined : await roleIn(context, organization);
  // The message is the same whether or not the organisation exists.
  if (role === undefined || !READERS.has(role))
    throw new Forbidden({ reason: 'Only administrators and race directors of an organisation may read its trail.' });
}

/** Return the requested changes, the newest first. Throws FORBIDDEN. */
export async function trail(context: RequestContext, request: AuditRequest): Promise<Row[]> {
  const { organization_id: organization, collection, item, from, to, before, limit } = request;
  await requireAllowed(context, organization);
  const rows = context.trx('audit_trail').orderBy('id', 'desc').limit(limit);
  if (organization === null) void rows.whereNull('organization_id');
  else void rows.where('organization_id', organization);
  if (collection !== null) void rows.where('collection', collection);
  if (item !== null) void rows.where('item', item);
  if (from !== null) void rows.where('at', '>=', from);
  if (to !== null) void rows.where('at', '<', to);
  if (before !== null) void rows.where('id', '<', before);
  return (await rows.select([...COLUMNS])) as Row[];
}
