/** The route of the preview. Checks the user's rights, limits the time, and writes nothing. */
import type { Accountability, ApiExtensionContext } from '@directus/types';
import type { Request } from 'express';
import { PreviewTooLong, TenantForbidden, Unauthorized } from '../lib/errors';
import { mayReach } from '../tenant/membership';
import { requirementOf } from '../tenant/rules';
import { preview, type Preview } from './preview';
import { previewRequestOf, type PreviewRequest } from './request';

const CANCELLED = '57014';

/** Refuse a user who may not change the place. The message does not reveal whether the place exists. */
async function requireAllowed(
  { database, getSchema }: ApiExtensionContext,
  accountability: Accountability,
  { collection, id }: PreviewRequest,
): Promise<void> {
  if (accountability.admin) return;
  const found = requirementOf(collection, 'update');
  const reading = { database, schema: await getSchema() };
  const { user } = accountability;
  const place = { collection, path: found?.path ?? [] };
  if (found && user !== null && (await mayReach(reading, user, found, place, [id]))) return;
  const reason = `You may not change ${collection} in this organisation, or it does not exist.`;
  throw new TenantForbidden({ reason, collection });
}

/** Answer a request for a preview, with a time limit and in a read-only transaction. */
export async function answerPreview(context: ApiExtensionContext, request: Request, seconds: number): Promise<Preview> {
  const { accountability } = request as Request & { accountability: Accountability | null };
  if (!accountability?.user) throw new Unauthorized({ reason: 'Log in first.' });
  const asked = previewRequestOf(request.body);
  await requireAllowed(context, accountability, asked);
  return context.database.transaction(
    async (trx) => {
      await trx.raw(`SET LOCAL statement_timeout = ${String(Math.round(seconds * 1000))}`);
      return preview(trx, asked).catch((error: unknown) => {
        if ((error as { code?: unknown }).code !== CANCELLED) throw error;
        throw new PreviewTooLong({ reason: `The preview took longer than ${String(seconds)} s.` });
      });
    },
    { readOnly: true, isolationLevel: 'repeatable read' },
  );
}
