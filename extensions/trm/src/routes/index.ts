/** The routes under /trm. openapi.json describes them. */
import type { Accountability, ApiExtensionContext, EndpointConfig } from '@directus/types';
import type { NextFunction, Request, Response, Router } from 'express';
import { copyCrew } from '../entries/crew';
import { register } from '../entries/register';
import type { Asked, ItemsService } from '../entries/request';
import { copyRequestOf, registrationOf } from '../entries/rules';
import { EntryNotFound, Unauthorized } from '../lib/errors';
import { isKey } from '../lib/paths';
import { health } from '../lib/registered';

type Work = (asked: Asked, request: Request) => Promise<unknown>;

/** Do the work of a request in one transaction, as who asks, and answer with what it returns. */
function answering({ services, getSchema, database }: ApiExtensionContext, status: number, work: Work) {
  const answer = async (request: Request, response: Response): Promise<void> => {
    const { accountability } = request as Request & { accountability: Accountability | null };
    if (!accountability?.user) throw new Unauthorized({ reason: 'Log in first.' });
    const { user } = accountability;
    const schema = await getSchema();
    const Service = services['ItemsService'] as ItemsService;
    const data = await database.transaction((trx) => work({ Service, trx, schema, accountability, user }, request));
    response.status(status).json({ data });
  };
  return (request: Request, response: Response, next: NextFunction): void => {
    answer(request, response).catch(next);
  };
}

export function define(router: Router, context: ApiExtensionContext): void {
  router.get('/health', (_request, response) => {
    const { registered, missing } = health();
    response.status(missing.length === 0 ? 200 : 503).json({ registered, missing });
  });
  const registering: Work = (asked, { body }) => register(asked, registrationOf(body));
  router.post('/entries', answering(context, 201, registering));
  const copying: Work = (asked, { params, body }) => {
    const id = params['id'];
    if (!isKey(id)) throw new EntryNotFound({ reason: 'There is no such entry.' });
    return copyCrew(asked, id, copyRequestOf(body));
  };
  router.post('/entries/:id/copy-crew', answering(context, 200, copying));
}

export default { id: 'trm', handler: define } satisfies EndpointConfig;
