/**
 * Answers GET /relations with the relations of all fields that a user may read.
 *
 * Directus leaves out a relation if the user may not read the list at its other end. The admin UI then shows no name
 * for the row that the field refers to. Such lists exist: nobody may read a list that leads to other organisations.
 */
import type { EventContext, HookConfig } from '@directus/types';
import type { NextFunction, Request, Response } from 'express';
import { visible, type Shown } from './rules';

type Accountability = EventContext['accountability'];
type Handler = (request: Request, response: Response, next: NextFunction) => void;

const relations: HookConfig = ({ init }, { services, getSchema }) => {
  async function shownTo(accountability: Accountability): Promise<Shown[]> {
    const schema = await getSchema();
    const fields = await new services.FieldsService({ schema, accountability }).readAll();
    const readable = new Map<string, Set<string>>();
    for (const { collection, field } of fields)
      readable.set(collection, (readable.get(collection) ?? new Set()).add(field));
    return visible(await new services.RelationsService({ schema, accountability: null }).readAll(), readable);
  }

  const answer: Handler = (request, response, next) => {
    const { accountability } = request as unknown as { accountability?: Accountability };
    if (!accountability?.user || accountability.admin) {
      next();
      return;
    }
    shownTo(accountability).then((data) => response.json({ data }), next);
  };

  init('middlewares.after', ({ app }) => {
    (app as { get: (path: string, handler: Handler) => void }).get('/relations', answer);
  });
};

export default relations;
