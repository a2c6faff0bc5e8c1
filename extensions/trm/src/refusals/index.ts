/** Answers every refusal by PostgreSQL with a sentence and a code, instead of status 500. */
import type { HookConfig } from '@directus/types';
import type { Application, NextFunction, Request, Response } from 'express';
import { explain } from './rules';

const refusals: HookConfig = ({ filter, init }) => {
  filter('database.error', explain);
  // Errors of deletes, and of checks at the end of a transaction, never reach that filter.
  init('routes.custom.after', (meta) => {
    (meta['app'] as Application).use((error: unknown, _request: Request, _response: Response, next: NextFunction) => {
      next(explain(error));
    });
  });
};

export default refusals;
