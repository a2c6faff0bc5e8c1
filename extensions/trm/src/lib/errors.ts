/** The errors of this extension. A code is a contract with clients; a message is a sentence for people. */
import { createError, type DirectusErrorConstructor } from '@directus/errors';

export interface Refusal {
  reason: string;
  collection?: string;
}

const refusal = (code: string, status: number): DirectusErrorConstructor<Refusal> =>
  createError<Refusal>(code, ({ reason }) => reason, status);

export const TenantForbidden = refusal('TENANT_FORBIDDEN', 403);
export const CrossEventReference = refusal('CROSS_EVENT_REFERENCE', 400);
export const QueryRefused = refusal('QUERY_REFUSED', 400);
