/** The errors of this extension. A code is a contract with clients; a message is a sentence for people. */
import { createError, type DirectusErrorConstructor } from '@directus/errors';

export interface Refusal {
  reason: string;
  collection?: string;
  constraint?: string;
}

const refusal = (code: string, status: number): DirectusErrorConstructor<Refusal> =>
  createError<Refusal>(code, ({ reason }) => reason, status);

export const TenantForbidden = refusal('TENANT_FORBIDDEN', 403);
export const ConstraintViolated = refusal('CONSTRAINT_VIOLATED', 400);
export const RowInUse = refusal('ROW_IN_USE', 409);
export const CrossEventReference = refusal('CROSS_EVENT_REFERENCE', 400);
