/** Reads a request for the audit trail, and writes the trail as CSV. Pure. */
import { InvalidQuery } from '../lib/errors';
import { isKey } from '../lib/paths';
import type { Row } from '../lib/types';

export interface AuditRequest {
  /** null: changes of rights, which belong to no organisation. */
  organization_id: string | null;
  collection: string | null;
  item: string | null;
  from: Date | null;
  to: Date | null;
  /** Only changes before the one with this id, so that a client can continue where the last answer ended. */
  before: string | null;
  limit: number;
  csv: boolean;
}

const KNOWN = ['organization_id', 'collection', 'item', 'from', 'to', 'before', 'limit', 'format'];
const USUAL = 100;
const MOST = 10_000;

function invalid(reason: string): never {
  throw new InvalidQuery({ reason });
}

function moment(name: string, text: string | null): Date | null {
  if (text === null) return null;
  const found = new Date(text);
  return Number.isNaN(found.getTime()) ? invalid(`${name} must be a time, such as 2026-06-07T06:00:00Z.`) : found;
}

function limitOf(text: string | null): number {
  if (text === null) return USUAL;
  const most = Number(text);
  return Number.isInteger(most) && most > 0 && most <= MOST
    ? most
    : invalid(`limit must be a whole number from 1 to ${String(MOST)}.`);
}

/** Read the query of a request. Throws INVALID_QUERY. */
export function auditRequestOf(given: Row): AuditRequest {
  const unknown = Object.keys(given).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) invalid(`This request does not take ${unknown}.`);
  const text = (name: string): string | null => {
    const value = given[name];
    if (value === undefined || value === '') return null;
    return typeof value === 'string' ? value : invalid(`Give ${name} only once.`);
  };
  const [organization, before, format] = [text('organization_id'), text('before'), text('format')];
  if (organization !== null && !isKey(organization)) invalid('organization_id must be the id of an organisation.');
  if (before !== null && !/^\d{1,18}$/.test(before)) invalid('before must be the id of a change.');
  if (format !== null && format !== 'csv' && format !== 'json') invalid('format must be json or csv.');
  return {
    organization_id: organization,
    collection: text('collection'),
    item: text('item'),
    from: moment('from', text('from')),
    to: moment('to', text('to')),
    before,
    limit: limitOf(text('limit')),
    csv: format === 'csv',
  };
}

/** The columns of the view public.audit_trail. */
export const COLUMNS = [
  'id',
  'at',
  'organization_id',
  'collection',
  'item',
  'action',
  'before',
  'after',
  'user',
  'email',
  'ip',
  'origin',
  'user_agent',
  'db_user',
] as const;

/** Return a value as one cell. A text that a spreadsheet would run as a formula gets an apostrophe in front. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text =
    value instanceof Date ? value.toISOString() : typeof value === 'string' ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Return rows of the trail as CSV, with a header line. */
export const csvOf = (rows: readonly Row[]): string =>
  [COLUMNS.join(','), ...rows.map((row) => COLUMNS.map((name) => cell(row[name])).join(','))].join('\r\n') + '\r\n';
