/** The routes under /trm. openapi.json describes them. */
import type { Accountability, ApiExtensionContext, EndpointConfig } from '@directus/types';
import type { NextFunction, Request, Response, Router } from 'express';
import { auditRequestOf, csvOf } from '../audit/rules';
import { trail } from '../audit/trail';
import { noteAnswer } from '../commands/answers';
import { answerOf, isToken } from '../commands/rules';
import { copyCrew } from '../entries/crew';
import { register } from '../entries/register';
import type { ItemsService, RequestContext } from '../entries/request';
import { copyRequestOf, registrationOf } from '../entries/rules';
import { EntryNotFound, Unauthorized } from '../lib/errors';
import { isKey } from '../lib/paths';
import { health } from '../lib/registered';
import { secondsOf, textOf } from '../lib/settings';
import type { Row } from '../lib/types';
import { answerPreview } from '../preview';

const PREVIEW_SECONDS = 10;

type Work<Found> = (context: RequestContext, request: Request) => Promise<Found>;
type Reply<Found> = (response: Response, found: Found, request: Request) => void;

const asData =
  (status: number): Reply<unknown> =>
  (response, data) =>
    void response.status(status).json({ data });

/** Do the work of a request in one transaction with the user's rights, and reply with the result. */
function answering<Found>(
  { services, getSchema, database }: ApiExtensionContext,
  work: Work<Found>,
  reply: Reply<Found>,
) {
  const answer = async (request: Request, response: Response): Promise<void> => {
    const { accountability } = request as Request & { accountability: Accountability | null };
    if (!accountability?.user) throw new Unauthorized({ reason: 'Log in first.' });
    const { user } = accountability;
    const schema = await getSchema();
    const Service = services['ItemsService'] as ItemsService;
    const found = await database.transaction((trx) => work({ Service, trx, schema, accountability, user }, request));
    reply(response, found, request);
  };
  return (request: Request, response: Response, next: NextFunction): void => {
    answer(request, response).catch(next);
  };
}

/** Take the answer of a device from a caller with the token. Users of Directus do not have it. */
function answeringDevices(context: ApiExtensionContext) {
  const token = textOf(context, 'TRM_COMMANDS_TOKEN');
  const note = async ({ headers, params, body }: Request): Promise<{ id: string; status: string }> => {
    if (!isToken(headers['x-trm-token'], token))
      throw new Unauthorized({ reason: 'Send the token of TRM_COMMANDS_TOKEN in the header X-TRM-Token.' });
    const answer = answerOf(body);
    return context.database.transaction((trx) => noteAnswer(trx, params['id'], answer));
  };
  return (request: Request, response: Response, next: NextFunction): void => {
    note(request).then((data) => void response.json({ data }), next);
  };
}

export function define(router: Router, api: ApiExtensionContext): void {
  router.get('/health', (_request, response) => {
    const { registered, missing } = health();
    // The number of items of Directus's schema that were not captured when the container booted, from its entrypoint.
    const uncaptured = Number(process.env['DIRECTUS_SYNC_UNCAPTURED'] ?? 0);
    response.status(missing.length === 0 ? 200 : 503).json({ registered, missing, uncaptured });
  });
  const registering: Work<unknown> = (context, { body }) => register(context, registrationOf(body));
  router.post('/entries', answering(api, registering, asData(201)));
  const copying: Work<unknown> = (context, { params, body }) => {
    const id = params['id'];
    if (!isKey(id)) throw new EntryNotFound({ reason: 'There is no such entry.' });
    return copyCrew(context, id, copyRequestOf(body));
  };
  router.post('/entries/:id/copy-crew', answering(api, copying, asData(200)));
  router.post('/commands/:id/answer', answeringDevices(api));
  const seconds = secondsOf(api, 'TRM_PREVIEW_SECONDS', PREVIEW_SECONDS, 0.001);
  router.post('/preview', (request, response, next) => {
    answerPreview(api, request, seconds).then((data) => void response.json({ data }), next);
  });
  const reading: Work<Row[]> = (context, { query }) => trail(context, auditRequestOf(query));
  router.get('/audit', answering(api, reading, (response, rows, { query }) => {
    if (!auditRequestOf(query).csv) response.json({ data: rows });
    else response.type('text/csv').attachment('audit.csv').send(csvOf(rows));
  }));
}

export default { id: 'trm', handler: define } satisfies EndpointConfig;
